from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from gateway.wire.calls import WalletCall
from tests.integration.runtime.test_process import configuration, program
from tests.support.doors import request
from tests.support.runtimes import FarOperator

CALLS: Final = 600
"""Their lines are more than a pipe holds: 64 KiB."""


@pytest.fixture
def unread() -> Iterator[int]:
    """A pipe whose reader stands still."""
    reader, writer = os.pipe()
    yield writer
    os.close(reader)
    os.close(writer)


async def test_a_gateway_whose_log_nobody_reads_answers_and_stops(
    tmp_path: Path, far: FarOperator, unread: int
) -> None:
    async with program(configuration(tmp_path, far), stderr=unread) as gateway:
        client = await gateway.connect()
        for _ in range(CALLS):
            assert (await client.asked(request("/wallet/withdraw", b"", "JohnDoe:wrong"))).status == 401
        await client.close()
        assert (await gateway.call(WalletCall.WITHDRAW)).status == 200
        assert (await gateway.ask("/healthz")).status == 200
        gateway.process.terminate()
        assert await gateway.ended() == 0


async def test_a_gateway_whose_logs_reader_has_gone_counts_what_it_could_not_write(
    tmp_path: Path, far: FarOperator
) -> None:
    reader, writer = os.pipe()
    async with program(configuration(tmp_path, far), stderr=writer) as gateway:
        os.close(writer)
        os.close(reader)
        assert (await gateway.call(WalletCall.WITHDRAW)).status == 200
        assert await gateway.dropped_lines() > 0
        gateway.process.terminate()
        assert await gateway.ended() == 0
