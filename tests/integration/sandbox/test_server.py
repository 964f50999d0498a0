from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from adapters.quantum.simulated import PASSWORD, USERNAME, SimulatedQuantum
from gateway.money import money
from gateway.sandbox.faults import HUGE
from gateway.sandbox.ledger import Ledger
from gateway.sandbox.server import SandboxServer
from gateway.sandbox.stores import FileStore, MemoryStore
from gateway.toolbox import basic_auth

HEADERS = {"Authorization": basic_auth(USERNAME, PASSWORD)}


@pytest.fixture
async def server() -> AsyncIterator[SandboxServer]:
    ledger = Ledger(MemoryStore())
    ledger.enrol("p1", "t1", money(100, "XAG"))
    serving = SandboxServer(SimulatedQuantum(ledger))
    await serving.start()
    yield serving
    await serving.close()


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(headers=HEADERS, timeout=aiohttp.ClientTimeout(10)) as session:
        yield session


def withdraw(id: str = "a") -> dict[str, Any]:
    return {"token": "t1", "mmTransactionId": id, "amount": {"amount": 10, "currencyCode": "XAG"}}


async def switch(client: aiohttp.ClientSession, server: SandboxServer, *rules: dict[str, Any]) -> None:
    async with client.put(f"{server.url}/_sandbox/faults", json=rules) as answer:
        assert answer.status == 200, await answer.text()


async def read(client: aiohttp.ClientSession, server: SandboxServer, name: str) -> Any:
    async with client.get(f"{server.url}/_sandbox/{name}") as answer:
        assert answer.status == 200
        return await answer.json()


async def test_the_wallet_answers_under_its_base_url(server: SandboxServer, client: aiohttp.ClientSession) -> None:
    async with client.post(f"{server.base_url}withdraw", json=withdraw()) as answer:
        assert (answer.status, (await answer.json())["balance"]["amount"]) == (200, 90)


async def test_books_and_wire_can_be_read_while_it_runs(server: SandboxServer, client: aiohttp.ClientSession) -> None:
    async with client.post(f"{server.base_url}withdraw", json=withdraw()):
        pass
    books = await read(client, server, "ledger")
    (seen,) = await read(client, server, "wire")
    assert (seen["method"], seen["headers"]["content-type"]) == ("POST", "application/json")
    assert (seen["answer"]["status"], '"amount":90' in seen["answer"]["body"]) == (200, True)
    assert books["accounts"][0]["balance"] == "90"
    assert (books["holds"][0]["id"], books["holds"][0]["state"], books["violations"]) == ("a", "held", [])
    assert (seen["call"], seen["id"], json.loads(seen["body"])) == ("withdraw", "a", withdraw())


async def test_a_player_can_be_enrolled_while_it_runs(server: SandboxServer, client: aiohttp.ClientSession) -> None:
    player = {"player_id": "p2", "token": "t2", "balance": "0.5 XAG"}
    async with client.post(f"{server.url}/_sandbox/players", json=player) as answer:
        assert answer.status == 200
    async with client.post(f"{server.base_url}getBalance", json={"token": "t2"}) as answer:
        assert await answer.json() == {"balance": {"amount": 0.5, "currencyCode": "XAG"}}


async def test_a_session_can_be_opened_and_ended_while_it_runs(
    server: SandboxServer, client: aiohttp.ClientSession
) -> None:
    async with client.post(f"{server.url}/_sandbox/sessions", json={"player_id": "p1", "token": "t2"}):
        pass
    async with client.delete(f"{server.url}/_sandbox/sessions", json={"token": "t1"}):
        pass
    statuses = []
    for token in ("t1", "t2"):
        async with client.post(f"{server.base_url}getBalance", json={"token": token}) as answer:
            statuses.append(answer.status)
    assert statuses == [500, 200]


@pytest.mark.parametrize(
    "method, name, body, status",
    [
        ("POST", "sessions", '{"player_id": "nobody", "token": "t"}', 400),
        ("PUT", "faults", '[{"fault": "no such fault"}]', 400),
        ("PUT", "faults", "[", 400),
        ("POST", "players", '{"player_id": "p", "token": "t", "balance": "much"}', 400),
        ("DELETE", "ledger", "", 404),
    ],
)
async def test_what_the_admin_side_does_not_understand_it_says(
    server: SandboxServer, client: aiohttp.ClientSession, method: str, name: str, body: str, status: int
) -> None:
    async with client.request(method, f"{server.url}/_sandbox/{name}", data=body) as answer:
        assert (answer.status, list(await answer.json())) == (status, ["error"])


async def test_a_switched_fault_is_shown_and_happens(server: SandboxServer, client: aiohttp.ClientSession) -> None:
    await switch(client, server, {"fault": "garbage", "calls": ["withdraw"], "times": 1})
    (rule,) = await read(client, server, "faults")
    assert (rule["fault"], rule["times"]) == ("garbage", 1)
    async with client.post(f"{server.base_url}withdraw", json=withdraw()) as answer:
        assert (answer.status, await answer.text()) == (200, "<html><body>It works!</body></html>")


@pytest.mark.parametrize("fault", ["cut_before", "cut_after"])
async def test_a_cut_connection_is_reset_without_a_byte(server: SandboxServer, fault: str) -> None:
    async with aiohttp.ClientSession() as admin:
        await switch(admin, server, {"fault": fault})
    async with posted(server) as answer:
        with pytest.raises(ConnectionResetError):
            await answer.read()


async def test_half_an_answer_promises_more_than_comes(server: SandboxServer) -> None:
    async with aiohttp.ClientSession() as admin:
        await switch(admin, server, {"fault": "half"})
    async with posted(server) as answer:
        head, _, body = (await answer.read()).partition(b"\r\n\r\n")
    promised = int(head.partition(b"Content-Length: ")[2].split()[0])
    assert head.startswith(b"HTTP/1.1 200")
    assert len(body) == promised // 2


async def test_a_hanging_operator_lets_go_once_the_client_does(
    server: SandboxServer, client: aiohttp.ClientSession
) -> None:
    await switch(client, server, {"fault": "hang_after"})
    with pytest.raises(TimeoutError):
        await client.post(f"{server.base_url}withdraw", json=withdraw(), timeout=aiohttp.ClientTimeout(0.1))
    await switch(client, server)
    async with client.post(f"{server.base_url}getBalance", json={"token": "t1"}) as answer:
        assert (await answer.json())["balance"]["amount"] == 90


async def test_a_huge_answer_is_sent_whole(server: SandboxServer, client: aiohttp.ClientSession) -> None:
    await switch(client, server, {"fault": "huge"})
    async with client.post(f"{server.base_url}withdraw", json=withdraw()) as answer:
        assert len(await answer.read()) > HUGE


async def test_a_redirect_leads_to_where_nothing_is_done(server: SandboxServer, client: aiohttp.ClientSession) -> None:
    await switch(client, server, {"fault": "redirect"})
    async with client.post(f"{server.base_url}withdraw", json=withdraw()) as answer:
        assert (answer.status, answer.url.path) == (404, "/elsewhere")
    assert [seen["path"] for seen in await read(client, server, "wire")] == ["/wallet/withdraw", "/elsewhere"]


async def test_a_delayed_answer_is_the_right_one(server: SandboxServer, client: aiohttp.ClientSession) -> None:
    await switch(client, server, {"fault": "delay", "delay_s": 0.01})
    async with client.post(f"{server.base_url}withdraw", json=withdraw()) as answer:
        assert (await answer.json())["balance"]["amount"] == 90


async def test_another_server_on_the_same_file_goes_on_where_the_first_one_ended(
    tmp_path: Path, client: aiohttp.ClientSession
) -> None:
    balances = []
    for id in ("a", "b"):
        ledger = Ledger(FileStore(tmp_path / "ledger"))
        ledger.enrol("p1", "t1", money(100, "XAG"))
        serving = SandboxServer(SimulatedQuantum(ledger))
        await serving.start()
        async with client.post(f"{serving.base_url}withdraw", json=withdraw(id)) as answer:
            balances.append((await answer.json())["balance"]["amount"])
        await serving.close()
        ledger.close()
    assert balances == [90, 80]


@asynccontextmanager
async def posted(server: SandboxServer) -> AsyncIterator[asyncio.StreamReader]:
    """What comes back on a connection of its own for a withdraw."""
    host, port = server.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    body = json.dumps(withdraw()).encode()
    head = f"POST /wallet/withdraw HTTP/1.1\r\nHost: x\r\nAuthorization: {HEADERS['Authorization']}\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    try:
        yield reader
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
