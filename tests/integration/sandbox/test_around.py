"""What a sandbox says where it cannot call the gateway as it was told to. The calls themselves are tried with real
processes in tests/integration/cli/test_sandbox_around.py."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from adapters.quantum.simulated import SimulatedQuantum
from gateway.sandbox.ledger import Ledger
from gateway.sandbox.server import SandboxServer
from gateway.sandbox.stores import MemoryStore
from tests.support.ports import free_port


async def answer_to(server: SandboxServer, name: str, wanted: object) -> tuple[int, object]:
    await server.start()
    url = f"{server.url}/_sandbox/{name}"
    async with aiohttp.ClientSession() as client, client.post(url, json=wanted) as answer:
        return answer.status, await answer.json()


@pytest.fixture
async def server() -> AsyncIterator[SandboxServer]:
    """Its gateway does not listen."""
    serving = SandboxServer(SimulatedQuantum(Ledger(MemoryStore())), gateway=f"http://127.0.0.1:{free_port()}/")
    yield serving
    await serving.close()


@pytest.mark.parametrize(
    "name, wanted, said",
    [
        ("payments", {"player_id": "p", "trick": "smuggled"}, 'trick is "smuggled"; write one of: none, twice, again'),
        ("payments", {"player_id": "p", "price": "-1"}, 'price is "-1"; write an amount above 0 in quotes'),
        ("payments", {"player_id": "p", "price": "dear"}, 'price is "dear"; write an amount above 0 in quotes'),
        ("payments", {"player": "p"}, "unknown field `player`"),
        ("query", {"direction": "payment", "id": "a"}, 'direction is "payment"; write one of: withdraw, deposit'),
        ("notices", [], "Expected `object`, got `array`"),
    ],
)
async def test_what_cannot_be_done_is_told(server: SandboxServer, name: str, wanted: object, said: str) -> None:
    status, answer = await answer_to(server, name, wanted)
    assert status == 400
    assert said in str(answer)


async def test_a_gateway_that_does_not_answer_is_told(server: SandboxServer) -> None:
    asked = await answer_to(server, "query", {"id": "a"})
    assert asked == (200, {"status": None, "answer": "the gateway did not answer"})


async def test_without_a_gateway_it_says_how_it_is_started_with_one() -> None:
    alone = SandboxServer(SimulatedQuantum(Ledger(MemoryStore())))
    status, answer = await answer_to(alone, "launch", {"token": "t"})
    await alone.close()
    assert status == 400
    assert "start the sandbox with --gateway http" in str(answer)
