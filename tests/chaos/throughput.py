"""`make throughput`: what group commit brings, and a second gateway, on one PostgreSQL. Both compared within one run.

A transfer is what a purchase writes: opened, held, confirming, confirmed; four writes, each durable before the next.
Every contender is a process with a journal of its own; they take turns, and the figures are medians.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from time import monotonic
from typing import Final
from uuid import uuid4

import msgspec

from gateway.clock import SystemClock
from gateway.journal import migrate_journal, open_journal
from gateway.journal.copy import CopyableJournal
from gateway.journal.postgres import batch_writer
from gateway.records import State
from gateway.settings import JournalSettings
from gateway.telemetry.metrics import Metrics
from tests.support.journals import a_change, a_transfer
from tests.support.postgres import PostgresServer

ROUNDS: Final = 5
SECONDS: Final = 2.0
AT_ONCE: Final = 128
"""Transfers that one gateway has under way."""

GROUP_COMMIT_AT_LEAST: Final = 5.0
CORES_FOR_TWO: Final = 4
"""PostgreSQL, the load and two gateways: with fewer cores a second gateway only takes the first one's."""


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """Transfers a second of two contenders, and by what factor the second must beat the first (None: not judged)."""

    what: str
    first: float
    second: float
    at_least: float | None

    @property
    def ratio(self) -> float:
        return self.second / self.first

    @property
    def well(self) -> bool:
        return self.at_least is None or self.ratio >= self.at_least

    def __str__(self) -> str:
        target = "not judged on this machine" if self.at_least is None else f"at least {self.at_least:g} is asked for"
        return f"{self.what}: {self.second:,.0f}/s against {self.first:,.0f}/s, {self.ratio:.2f} times ({target})"


class Worker:
    """A process with a journal, which writes for a while whenever it is told to."""

    def __init__(self, url: str, largest_batch: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, url, largest_batch), daemon=True)
        self._process.start()
        self._ours.recv()

    def begin(self, seconds: float) -> None:
        self._ours.send(seconds)

    def rate(self) -> float:
        """Transfers a second, once the time is over."""
        rate: float = self._ours.recv()
        return rate

    def close(self) -> None:
        self._ours.send(None)
        self._process.join()


def compare(url: str, rounds: int = ROUNDS, seconds: float = SECONDS) -> list[Compared]:
    """Both comparisons on the PostgreSQL database at this URL."""
    asyncio.run(migrate_journal(JournalSettings(url=url)))
    with _workers(url, 1, batch_writer.LARGEST, batch_writer.LARGEST) as (single, grouped, other):
        contenders = [[single], [grouped], [grouped, other]]
        rates: list[list[float]] = [[], [], []]
        for _ in range(rounds):
            for contender, found in zip(contenders, rates, strict=True):
                found.append(_together(contender, seconds))
    one_each, one, two = map(statistics.median, rates)
    enough = (os.cpu_count() or 1) >= CORES_FOR_TWO
    return [
        Compared(
            what="group commit against a commit a call", first=one_each, second=one, at_least=GROUP_COMMIT_AT_LEAST
        ),
        Compared(what="two gateways against one", first=one, second=two, at_least=1.0 if enough else None),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(prog="make throughput", description=__doc__)
    parser.add_argument("--url", help="of a PostgreSQL database to use instead of a server that is started here")
    given = parser.parse_args()
    with _database(given.url) as url:
        compared = compare(url)
    sys.stdout.writelines(f"{each}\n" for each in compared)
    well = all(each.well for each in compared)
    sys.stdout.write(f"make throughput: {'as asked for' if well else 'TOO SLOW'} on {os.cpu_count()} cores\n")
    return 0 if well else 1


@contextmanager
def _database(url: str | None) -> Iterator[str]:
    if url is not None:
        yield url
        return
    server = PostgresServer.start(Path(tempfile.gettempdir()))
    try:
        yield server.url
    finally:
        server.remove()


@contextmanager
def _workers(url: str, *largest_batches: int) -> Iterator[list[Worker]]:
    workers = [Worker(url, largest) for largest in largest_batches]
    try:
        yield workers
    finally:
        for worker in workers:
            worker.close()


def _together(workers: list[Worker], seconds: float) -> float:
    for worker in workers:
        worker.begin(seconds)
    return sum(worker.rate() for worker in workers)


def _work(pipe: Connection, url: str, largest_batch: int) -> None:
    batch_writer.LARGEST = largest_batch  # type: ignore[misc]  # a batch of one is a commit a call
    asyncio.run(_answer(pipe, url))


async def _answer(pipe: Connection, url: str) -> None:
    journal = await open_journal("default", JournalSettings(url=url), Metrics(), SystemClock())
    pipe.send(None)
    while (seconds := await asyncio.to_thread(pipe.recv)) is not None:
        pipe.send(await _rate(journal, seconds))
    await journal.close()


async def _rate(journal: CopyableJournal, seconds: float) -> float:
    began = monotonic()
    done = await asyncio.gather(*(_one_after_another(journal, began + seconds) for _ in range(AT_ONCE)))
    return sum(done) / (monotonic() - began)


async def _one_after_another(journal: CopyableJournal, until: float) -> int:
    done = 0
    while monotonic() < until:
        transfer = a_transfer(uuid4().hex)
        await journal.insert(transfer)
        for state in (State.HELD, State.CONFIRMING, State.CONFIRMED):
            await journal.change(a_change(transfer.key, state, at=transfer.opened_at))
        done += 1
    return done


if __name__ == "__main__":
    sys.exit(main())
