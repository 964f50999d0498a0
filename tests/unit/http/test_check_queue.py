"""The order in which unknown credentials are checked: whoever asks much waits, whoever was right before does not."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import product
from typing import Any

import pytest

from gateway.http import check_queue
from gateway.http.addresses import network_of
from gateway.http.check_queue import NICENESS, CheckQueue, TooManyChecks

NETWORKS = (
    [f"2001:db8:0:{number:x}::1" for number in range(30)],
    [f"2001:db8::{number:x}" for number in range(1, 31)],
    [f"192.0.{number}.7" for number in range(30)],
    [f"192.0.2.{number}" for number in range(1, 31)],
)
OF_ONE_NETWORK = (NETWORKS[1], NETWORKS[3])


class Threads(ThreadPoolExecutor):
    """Runs nothing by itself: `end` runs the check that began first."""

    def __init__(self) -> None:
        super().__init__(1)
        self.begun: list[tuple[object, Future[object]]] = []

    def submit(self, run: Any, /, *_args: Any, **_options: Any) -> Future[Any]:
        future: Future[object] = Future()
        self.begun.append((run, future))
        return future


class Line:
    """A line whose checks note that they ran, in order, and end when told."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.threads = Threads()
        self.line = CheckQueue()
        self.line._threads = self.threads
        self._waiting: list[asyncio.Task[object]] = []

    def ask(self, source: str, password: str = "", is_wanted: bool = True) -> asyncio.Task[object]:
        digest = f"{source} {password}".encode()
        result = self.line.result(digest, source, lambda: self.ran.append(source), lambda: is_wanted)
        task = asyncio.ensure_future(result)
        self._waiting.append(task)
        return task

    async def turn(self) -> None:
        """Ends the check that runs the longest."""
        run, future = self.threads.begun.pop(0)
        future.set_result(run())  # type: ignore[operator]  # what was submitted
        for _ in range(4):
            await asyncio.sleep(0)

    async def until_idle(self) -> None:
        await asyncio.sleep(0)
        while self.threads.begun:
            await self.turn()
        await asyncio.gather(*self._waiting, return_exceptions=True)


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line()
    yield line
    line.line.close()


@pytest.mark.parametrize("guessers", NETWORKS, ids=["many /64", "one /64", "many /24", "one /24"])
async def test_a_newcomer_waits_for_one_check_of_each_who_guesses(line: Line, guessers: list[str]) -> None:
    for guesser, number in product(guessers, range(8)):
        line.ask(guesser, str(number))
    await asyncio.sleep(0)
    newcomer = line.ask("198.51.100.1")
    await line.until_idle()
    assert newcomer.done()
    assert line.ran.index("198.51.100.1") <= len({*map(network_of, guessers)}) + 1
    assert len(line.ran) == 241


@pytest.mark.parametrize("guessers", OF_ONE_NETWORK, ids=["/64", "/24"])
async def test_within_a_network_each_address_has_its_turn(line: Line, guessers: list[str]) -> None:
    *guessers, newcomer = guessers
    for guesser, number in product(guessers, range(8)):
        line.ask(guesser, str(number))
    line.ask(newcomer)
    await line.until_idle()
    assert line.ran.index(newcomer) <= len(guessers)


async def test_guessers_that_go_on_wait_behind_who_comes_for_the_first_time(line: Line) -> None:
    for number in range(4):
        line.ask("192.0.2.1", str(number))
    await asyncio.sleep(0)
    await line.turn()
    line.ask("198.51.100.1")
    await asyncio.sleep(0)
    await line.turn()
    await line.turn()
    assert line.ran == ["192.0.2.1", "192.0.2.1", "198.51.100.1"]
    await line.until_idle()


async def test_who_was_right_before_has_a_thread_that_no_stranger_takes(line: Line) -> None:
    line.line.note_right(b"digest", "192.0.2.1")
    for number in range(8):
        line.ask(f"198.51.{number}.1")
    await asyncio.sleep(0)
    assert len(line.threads.begun) == 1
    line.ask("192.0.2.1", "new password")
    await asyncio.sleep(0)
    assert len(line.threads.begun) == 2
    await line.until_idle()


async def test_credentials_that_were_right_before_wait_behind_no_stranger_wherever_they_come_from(line: Line) -> None:
    line.line.note_right(b"203.0.113.1 moved", "192.0.2.1")
    for number in range(8):
        line.ask(f"198.51.{number}.1")
    line.ask("203.0.113.1", "moved")
    await asyncio.sleep(0)
    assert len(line.threads.begun) == 2
    await line.until_idle()


async def test_an_address_that_guesses_has_no_precedence_any_more(line: Line) -> None:
    line.line.note_right(b"digest", "192.0.2.1")
    line.line.note_wrong("192.0.2.1")
    line.ask("198.51.100.1")
    line.ask("192.0.2.1")
    await asyncio.sleep(0)
    assert len(line.threads.begun) == 1
    await line.until_idle()


async def test_the_same_credentials_from_a_better_source_move_up(line: Line) -> None:
    line.line.note_right(b"digest", "192.0.2.1")
    for number in range(3):
        line.ask(f"198.51.{number}.1")
    shared = b"shared"
    tasks = [
        asyncio.ensure_future(line.line.result(shared, source, lambda: line.ran.append("shared"), lambda: True))
        for source in ("198.51.9.1", "192.0.2.1")
    ]
    await asyncio.sleep(0)
    await line.turn()
    await line.turn()
    assert "shared" in line.ran
    await line.until_idle()
    await asyncio.gather(*tasks)
    assert line.ran.count("shared") == 1


async def test_a_check_that_nobody_waits_for_any_more_never_runs(line: Line) -> None:
    line.ask("192.0.2.1")
    gone = line.ask("192.0.2.2", is_wanted=False)
    cancelled = line.ask("192.0.2.3")
    await asyncio.sleep(0)
    cancelled.cancel()
    await line.until_idle()
    assert line.ran == ["192.0.2.1"]
    assert isinstance(gone.exception(), TooManyChecks)


async def test_who_is_gone_keeps_no_place_from_others(line: Line) -> None:
    line.ask("192.0.2.1")
    for number in range(check_queue.WAITING_PER_SOURCE):
        line.ask("192.0.2.2", str(number), is_wanted=False)
    here = line.ask("192.0.2.2", "here")
    await line.until_idle()
    assert here.exception() is None
    assert line.ran == ["192.0.2.1", "192.0.2.2"]


async def test_where_all_places_are_taken_who_has_most_of_them_loses_one(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_queue, "WAITING", 4)
    line.line.note_right(b"digest", "192.0.2.9")
    line.ask("203.0.113.1")
    crowd = [line.ask(source) for source in ("192.0.2.1", "192.0.2.2", "192.0.2.3", "198.51.100.1")]
    newcomer, known = line.ask("203.0.113.7"), line.ask("192.0.2.9")
    await asyncio.sleep(0)
    late = line.ask("192.0.2.4")
    await line.until_idle()
    assert [each.exception() is None for each in (*crowd, newcomer, known, late)] == [
        True, True, False, True, True, True, False,
    ]  # fmt: skip


async def test_after_a_check_that_fails_the_next_one_runs() -> None:
    line, may_fail = CheckQueue(), threading.Event()

    def fail() -> None:
        may_fail.wait()
        raise OSError("broken")

    failing = asyncio.ensure_future(line.result(b"1", "192.0.2.1", fail, lambda: True))
    waiting = asyncio.ensure_future(line.result(b"2", "192.0.2.1", lambda: "done", lambda: True))
    await asyncio.sleep(0)
    may_fail.set()
    with pytest.raises(OSError, match="broken"):
        await failing
    assert await waiting == "done"
    line.close()


async def test_a_stop_cancels_checks_that_run_and_those_that_wait() -> None:
    line, may_end = CheckQueue(), threading.Event()
    tasks = [
        asyncio.ensure_future(line.result(str(number).encode(), "192.0.2.1", may_end.wait, lambda: True))
        for number in range(3)
    ]
    await asyncio.sleep(0)
    line.close()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [task.cancelled() for task in tasks[1:]] == [True, True]
    may_end.set()
    assert await tasks[0] is True


async def test_what_is_counted_of_a_flood_that_never_ends_is_bounded(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_queue, "REMEMBERED", 20)
    for password in ("1", "2", "3"):
        line.ask("198.51.100.1", password)
    for number in range(100):
        line.ask(f"192.0.{number}.7")  # one waits always, so that the line is never empty
        await asyncio.sleep(0)
        await line.turn()
        assert len(line.line._served) <= 20 + 2
    await line.until_idle()
    assert len(line.ran) == 103


async def test_a_check_takes_no_core_from_calls() -> None:
    line = CheckQueue()
    usual = os.getpriority(os.PRIO_PROCESS, 0)
    niceness = await line.result(b"digest", "192.0.2.1", lambda: os.getpriority(os.PRIO_PROCESS, 0), lambda: True)
    assert (niceness, os.getpriority(os.PRIO_PROCESS, 0)) == (max(usual, NICENESS), usual)
    line.close()
