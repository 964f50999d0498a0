from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml

from gateway.sandbox.faults import Fault
from gateway.sandbox.ledger import HoldState
from gateway.wire.calls import WalletCall
from tests.support.doors import Answered, Client, request
from tests.support.runtimes import FarOperator, message, operator_to

PROGRAM = """
import os, sys
from pathlib import Path
from gateway.operators.registry import adapter
from gateway.runtime import run
from gateway.settings import read

run(lambda: read(Path(sys.argv[1]), os.environ, lambda name: adapter(name).Settings))
"""


def configuration(folder: Path, far: FarOperator, **other: Any) -> Path:
    """Writes a configuration's file."""
    operator = operator_to(far, timeout="2s", delivery={"schedule": ["50ms"], "then_every": "50ms"})
    content = {
        "server": {"host": "127.0.0.1", "port": 0},
        "admin": {"port": 0},
        "journal": {"url": f"sqlite:///{folder / 'journal.db'}"},
        "operators": {"acme": operator},
    }
    file = folder / "gateway.yaml"
    file.write_text(yaml.safe_dump({**content, **other}))
    return file


def forgetful(text: str) -> str:
    """The configuration with a journal that forgets what the game may still repeat."""
    return text.replace("journal:\n", "journal:\n  keep: 1d\n")


class Program:
    """The gateway in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, line: str) -> None:
        self.process = process
        self.line = line
        words = line.removesuffix("\n").replace(",", "").split()
        self.wallet_port, self.admin_port = (int(words[i].rpartition(":")[2]) for i in (3, 6))
        self.log = b""

    async def connect(self) -> Client:
        return Client(*await asyncio.open_connection("127.0.0.1", self.wallet_port))

    async def call(self, call: WalletCall, credentials: str = "JohnDoe:MyPass") -> Answered:
        client = await self.connect()
        answered = await client.asked(request(f"/wallet/{call}", message(call), credentials))
        await client.close()
        return answered

    async def metrics(self) -> bytes:
        return (await self.ask("/metrics")).body

    async def dropped_lines(self) -> float:
        """How many lines of the log it could not write: at least one, for which this waits."""
        async with asyncio.timeout(20):
            while True:
                found = re.search(rb"^mm_gateway_log_lines_dropped_total (\S+)$", await self.metrics(), re.MULTILINE)
                if found is not None and float(found[1]):
                    return float(found[1])
                await asyncio.sleep(0.02)

    async def ask(self, page: str) -> Answered:
        """What the admin listener answers."""
        client = Client(*await asyncio.open_connection("127.0.0.1", self.admin_port))
        answered = await client.asked(f"GET {page} HTTP/1.1\r\nHost: g\r\n\r\n".encode())
        await client.close()
        return answered

    async def logged(self, event: bytes) -> bytes:
        """The next line of the log with that event."""
        assert self.process.stderr is not None
        async with asyncio.timeout(20):
            while line := await self.process.stderr.readline():
                self.log += line
                if b'"event":"%s"' % event in line:
                    return line
        raise AssertionError(self.log.decode())

    async def ended(self) -> int:
        """The exit status."""
        async with asyncio.timeout(20):
            if self.process.stderr is not None:
                self.log += await self.process.stderr.read()
            return await self.process.wait()


@asynccontextmanager
async def program(file: Path, stderr: int = asyncio.subprocess.PIPE, **environment: str) -> AsyncIterator[Program]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM,
        str(file),
        stdout=asyncio.subprocess.PIPE,
        stderr=stderr,
        env={**os.environ, **environment},
    )
    assert process.stdout is not None
    async with asyncio.timeout(30):
        line = (await process.stdout.readline()).decode()
    try:
        yield Program(process, line)
        assert await process.stdout.read() == b"", "one line and no more"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_one_line_says_that_it_serves_and_sigterm_finishes_what_is_under_way(
    tmp_path: Path, far: FarOperator
) -> None:
    far.go_wrong(Fault.DELAY, WalletCall.WITHDRAW, delay_s=0.3)
    async with program(configuration(tmp_path, far)) as gateway:
        ports = (gateway.wallet_port, gateway.admin_port)
        assert gateway.line == "mm-gateway serving on http://127.0.0.1:{}, admin on http://127.0.0.1:{}\n".format(
            *ports
        )
        client = await gateway.connect()
        await client.send(request("/wallet/withdraw", message(WalletCall.WITHDRAW)))
        await far.until_seen(WalletCall.WITHDRAW)
        gateway.process.terminate()
        assert (await client.answer()).status == 200
        await client.close()
        assert await gateway.ended() == 0
    assert b"Traceback" not in gateway.log
    assert far.state_of("1") is HoldState.HELD


async def test_sighup_with_a_bad_file_changes_nothing_and_with_a_good_one_harms_no_call(
    tmp_path: Path, far: FarOperator
) -> None:
    file = configuration(tmp_path, far)
    async with program(file) as gateway:
        good = file.read_text()
        for bad in (good + "nonsense: 1\n", "[", good.replace("port: 0", "port: 1"), forgetful(good)):
            file.write_text(bad)
            gateway.process.send_signal(signal.SIGHUP)
            assert b'"level":"error"' in await gateway.logged(b"reload refused: nothing has changed")
            assert (await gateway.call(WalletCall.WITHDRAW)).status == 200
        file.write_text(good.replace("MyPass", "NewPass"))
        gateway.process.send_signal(signal.SIGHUP)
        await gateway.logged(b"reloaded")
        assert (await gateway.call(WalletCall.WITHDRAW)).status == 401
        assert (await gateway.call(WalletCall.WITHDRAW, "JohnDoe:NewPass")).status == 200
        metrics = await gateway.metrics()
        assert b'mm_gateway_config_reloads_total{result="failed"} 4.0' in metrics
        assert b'mm_gateway_config_reloads_total{result="ok"} 1.0' in metrics
        gateway.process.send_signal(signal.SIGINT)
        assert await gateway.ended() == 0
    assert b"journal.keep: is 1d, shorter than 2d1m" in gateway.log
    assert b"MyPass" not in gateway.log
    assert b"NewPass" not in gateway.log


async def test_being_told_twice_to_stop_stops_it_at_once_and_nothing_is_lost(tmp_path: Path, far: FarOperator) -> None:
    far.go_wrong(Fault.HANG_AFTER, WalletCall.WITHDRAW)
    file = configuration(tmp_path, far)
    async with program(file) as gateway:
        client = await gateway.connect()
        await client.send(request("/wallet/withdraw", message(WalletCall.WITHDRAW)))
        await far.until_seen(WalletCall.WITHDRAW)
        gateway.process.terminate()
        await gateway.logged(b"stopping")
        gateway.process.terminate()
        assert await gateway.ended() == 130
        assert await client.rest() == b""
        await client.close()
    far.behave()
    async with program(file) as gateway:
        await far.until_seen(WalletCall.ROLLBACK_WITHDRAWAL)
        gateway.process.terminate()
        assert await gateway.ended() == 0
    assert far.state_of("1") is HoldState.UNDONE


async def test_systemd_hears_of_every_turn(tmp_path: Path, far: FarOperator) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)
        loop = asyncio.get_running_loop()
        async with program(configuration(tmp_path, far), NOTIFY_SOCKET=str(tmp_path / "notify")) as gateway:
            told = [await loop.sock_recv(systemd, 100)]
            gateway.process.send_signal(signal.SIGHUP)
            told += [await loop.sock_recv(systemd, 100) for _ in range(2)]
            gateway.process.terminate()
            told.append(await loop.sock_recv(systemd, 100))
            assert await gateway.ended() == 0
    assert [each.partition(b"\n")[0] for each in told] == [b"READY=1", b"RELOADING=1", b"READY=1", b"STOPPING=1"]
