"""A reader that somebody has forgotten holds SQLite's log: that is said, and who it is."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.runtime.journal_growth import WARNED_FROM_BYTES, GrowthWatch, readers_of
from gateway.sandbox.faults import Fault
from gateway.wire.calls import WalletCall
from tests.support.runtimes import far_operator, operator_to, running, settings_for

READER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN")
connection.execute("SELECT count(*) FROM transfers").fetchall()
print("reads", flush=True)
sys.stdin.read()
"""


class Reader:
    """Another program in the middle of a transaction."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.id = process.pid


@pytest.fixture
async def make_reader() -> AsyncIterator[object]:
    processes: list[asyncio.subprocess.Process] = []

    async def begin(path: Path) -> Reader:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", READER, path, stdin=pipe, stdout=pipe)
        processes.append(process)
        assert process.stdout is not None
        assert await process.stdout.readline() == b"reads\n"
        return Reader(process)

    yield begin
    for process in processes:
        process.kill()
        await process.wait()


async def test_a_forgotten_reader_is_named_once_the_log_is_long(
    tmp_path: Path, make_reader: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.runtime.open_journals.MEASURE_EVERY_S", 0.02)
    async with far_operator() as far:
        settings = settings_for(tmp_path, {"acme": operator_to(far)})
        async with running(settings) as gateway:
            reader = await make_reader(tmp_path / "journal.db")  # type: ignore[operator]  # a fixture's function
            far.go_wrong(Fault.ERROR_BEFORE, WalletCall.WITHDRAW)
            with capture_logs() as lines:
                gateway.runtime._journals._growth["default"]._warn_from = 1
                await gateway.call(WalletCall.WITHDRAW)
                async with asyncio.timeout(10):
                    while not (said := [line for line in lines if "write-ahead log grows" in line["event"]]):
                        await asyncio.sleep(0.02)
    assert said[0]["journal"] == "default"
    assert said[0]["bytes"] > 0
    assert any(f"({reader.id})" in each for each in said[0]["readers"])


async def test_it_is_said_again_only_when_the_log_has_doubled_or_begun_anew(tmp_path: Path) -> None:
    watch = GrowthWatch("default", str(tmp_path / "journal.db"))
    sizes = [None, 1, WARNED_FROM_BYTES, 1.5 * WARNED_FROM_BYTES, 2 * WARNED_FROM_BYTES, 1, WARNED_FROM_BYTES]
    said = []
    for size in sizes:
        with capture_logs() as lines:
            await watch.look(None if size is None else int(size))
        said.append(len(lines))
    assert said == [0, 0, 1, 0, 1, 0, 1]


def test_the_gateway_itself_is_not_named(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    with file.open("w"):
        assert [each for each in readers_of(str(file)) if f"({os.getpid()})" in each] == []


async def test_the_room_that_is_left_is_told(tmp_path: Path) -> None:
    async with far_operator() as far, running(settings_for(tmp_path, {"acme": operator_to(far)})) as gateway:
        measures = await gateway.runtime._journals.open["default"].measure()
        assert measures.free_bytes
        page = await gateway.page("/metrics")
    assert b"mm_gateway_journal_free_bytes" in page.body
