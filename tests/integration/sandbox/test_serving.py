from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from adapters.quantum.simulated import PASSWORD, USERNAME
from gateway.money import money
from gateway.sandbox import SandboxError, serve
from gateway.sandbox.server import SandboxServer
from gateway.sandbox.simulated import simulated_operators
from gateway.toolbox import basic_auth

PROGRAM = """
import asyncio, sys
from pathlib import Path
from gateway.money import money
from gateway.sandbox import serve
asyncio.run(serve("quantum", host="127.0.0.1", port=0, ledger_path=Path(sys.argv[1]), players=2,
                  balance=money(1000, "XAG"), unknown_rollback=None,
                  announce=lambda server: print(server.base_url, flush=True)))
"""
HEADERS = {"Authorization": basic_auth(USERNAME, PASSWORD)}


class Sandbox:
    """The sandbox in a process of its own."""

    def __init__(self, ledger: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(ledger)], stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        assert self.process.stdout is not None
        self.base_url = self.process.stdout.readline().strip()

    def end(self, sign: signal.Signals) -> int:
        self.process.send_signal(sign)
        status = self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status


async def withdrawn(base_url: str, id: str) -> int:
    body = {"token": "token-of-player-2", "mmTransactionId": id, "amount": {"amount": 1, "currencyCode": "XAG"}}
    async with (
        aiohttp.ClientSession(headers=HEADERS) as client,
        client.post(f"{base_url}withdraw", json=body) as answer,
    ):
        balance: int = (await answer.json())["balance"]["amount"]
        return balance


async def test_a_killed_sandbox_comes_back_with_its_books(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    sandbox = Sandbox(ledger)
    answers = [await withdrawn(sandbox.base_url, f"id-{number}") for number in range(20)]
    assert answers[-1] == 980
    assert sandbox.end(signal.SIGKILL) == -signal.SIGKILL
    again = Sandbox(ledger)
    assert await withdrawn(again.base_url, "one more") == 979
    assert again.end(signal.SIGTERM) == 0


def test_a_stopped_sandbox_ends_well(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path / "ledger")
    assert sandbox.end(signal.SIGINT) == 0


async def refused(protocol: str = "quantum", port: int = 0, ledger: Path | None = None) -> str:
    with pytest.raises(SandboxError) as raised:
        await serve(
            protocol,
            host="127.0.0.1",
            port=port,
            ledger_path=ledger,
            players=1,
            balance=money(1, "XAG"),
            unknown_rollback=None,
            announce=lambda _: os.kill(os.getpid(), signal.SIGTERM),
        )
    return str(raised.value)


async def test_a_protocol_that_nobody_speaks_is_refused_with_those_that_are() -> None:
    assert f"there are: {', '.join(sorted(simulated_operators()))}" in await refused("esperanto")


async def test_a_port_that_is_taken_is_refused() -> None:
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        assert f"cannot listen on 127.0.0.1:{port}" in await refused(port=port)


async def test_a_file_that_is_no_ledger_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("buy milk\n")
    assert "cannot be used as a ledger" in await refused(ledger=tmp_path / "notes")


@pytest.mark.parametrize("protocol", sorted(simulated_operators()))
async def test_every_shipped_protocol_can_be_served(protocol: str) -> None:
    served: list[SandboxServer] = []

    def announced(server: SandboxServer) -> None:
        served.append(server)
        os.kill(os.getpid(), signal.SIGTERM)

    await serve(
        protocol,
        host="127.0.0.1",
        port=0,
        ledger_path=None,
        players=3,
        balance=money(5, "XAG"),
        unknown_rollback=None,
        announce=announced,
    )
    assert list(served[0].ledger.accounts) == ["player-1", "player-2", "player-3"]
