"""The queue in which checks of unknown credentials wait for a thread, since each of them costs an Argon2.

Next is whoever has had least: of all networks the one with the fewest checks, and within it the address with the
fewest. So thirty addresses that send wrong passwords delay a newcomer by one check each, however many they send
(docs/decisions/058-guesses-wait.md). Addresses and credentials that were right once come before all others, and
strangers never take the last thread.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections import Counter
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from typing import Any, Final

from gateway.bounded import BoundedMap
from gateway.http.addresses import network_of

NICENESS: Final = 10
"""Of the threads in which checks run. A thread of the usual niceness gets nine times as much of a core."""

CONCURRENT_CHECKS: Final = 2
"""Argon2s that run at once, each in a thread; this also limits the memory that they take. Strangers leave one free."""

WAITING_PER_SOURCE: Final = 8
"""How many checks of credentials that were never right may wait from one address."""

WAITING: Final = 256
"""How many checks may wait in all. One more takes the place of whoever has most there."""

REMEMBERED: Final = 4096
"""Of how many addresses and networks it is counted how many checks they have had."""

KNOWN: Final = 4096
"""How many addresses and digests are remembered as right."""


class TooManyChecks(Exception):
    """Too many unknown credentials are being checked already; these were not checked."""


class _Check:
    """One check. `is_wanted` are questions, one for each who waits: is your client still there?"""

    def __init__(self, digest: bytes, source: str, number: int, run: Callable[[], Any]) -> None:
        self.digest = digest
        self.source = source
        self.number = number
        self.run = run
        self.result: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.is_wanted: list[Callable[[], bool]] = []


def _let_calls_go_first() -> None:
    """Of this thread: an Argon2 takes a core for tens of milliseconds, and calls of others wait for that core."""
    # On Linux a thread has a niceness of its own (setpriority(2), "C library/kernel differences").
    if sys.platform == "linux":
        own = os.getpriority(os.PRIO_PROCESS, 0)
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), max(own, NICENESS))


class CheckQueue:
    """Runs checks in threads. Checks are known by the digest of their credentials, sources by their address."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(
            CONCURRENT_CHECKS, thread_name_prefix="credentials", initializer=_let_calls_go_first
        )
        self._waiting: dict[bytes, _Check] = {}
        self._running: dict[bytes, _Check] = {}
        self._served: Counter[str] = Counter()
        self._known: BoundedMap[Hashable, None] = BoundedMap(KNOWN)
        self._numbers = count()

    def note_right(self, digest: bytes, source: str) -> None:
        """These credentials, from this address, are right."""
        self._known.put(digest, None)
        self._known.put(source, None)

    def note_wrong(self, source: str) -> None:
        """Somebody guesses at this address. Whoever else is there has to wait with all strangers, unless its own
        credentials were right before."""
        self._known.pop(source, None)

    async def result(self, digest: bytes, source: str, run: Callable[[], Any], is_wanted: Callable[[], bool]) -> Any:
        """What `run` returns, in a thread. The same credentials are checked once for all who ask meanwhile.

        Where `is_wanted` of nobody who waits returns true once a thread is free, it does not run. Raises
        `TooManyChecks`.
        """
        check = self._running.get(digest) or self._waiting.get(digest) or self._enter(digest, source, run)
        check.source = min(check.source, source, key=self._rank)
        check.is_wanted.append(is_wanted)
        try:
            # Shielded: others wait for the same check, and its result is worth keeping.
            return await asyncio.shield(check.result)
        finally:
            check.is_wanted.remove(is_wanted)
            if not check.is_wanted and self._waiting.get(digest) is check:
                del self._waiting[digest]

    def close(self) -> None:
        """The process stops: all checks are cancelled."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for check in self._waiting.values():
            check.result.cancel()
        self._waiting.clear()

    def _enter(self, digest: bytes, source: str, run: Callable[[], Any]) -> _Check:
        check = _Check(digest, source, next(self._numbers), run)
        if self._may_start(check):
            # At once: its client has just asked, and may have closed its sending side since.
            self._start(check)
            return check
        if self._is_full(source):
            self._drop_unwanted()
        if digest not in self._known and self._waiting_from(source) >= WAITING_PER_SOURCE:
            raise TooManyChecks
        self._waiting[digest] = check
        if len(self._waiting) > WAITING:
            last = self._last()
            del self._waiting[last.digest]
            if last is check:
                raise TooManyChecks
            last.result.set_exception(TooManyChecks())
        return check

    def _is_full(self, source: str) -> bool:
        return len(self._waiting) >= WAITING or self._waiting_from(source) >= WAITING_PER_SOURCE

    def _waiting_from(self, source: str) -> int:
        return sum(check.source == source for check in self._waiting.values())

    def _drop_unwanted(self) -> None:
        for check in [check for check in self._waiting.values() if not _is_wanted(check)]:
            self._drop(check)

    def _drop(self, check: _Check) -> None:
        del self._waiting[check.digest]
        check.result.set_exception(TooManyChecks())

    def _last(self) -> _Check:
        """Whoever has to go: of the network that has most checks here, and of its address that has most."""
        counts = Counter(check.source for check in self._waiting.values())
        of_network: Counter[str] = Counter()
        for source, number in counts.items():
            of_network[network_of(source)] += number
        return max(
            self._waiting.values(),
            key=lambda check: (
                not self._is_known(check),
                of_network[network_of(check.source)],
                counts[check.source],
                check.number,
            ),
        )

    def _is_known(self, check: _Check) -> bool:
        return check.source in self._known or check.digest in self._known

    def _rank(self, source: str) -> tuple[bool, int, int]:
        return source not in self._known, self._served[network_of(source)], self._served[source]

    def _place(self, check: _Check) -> tuple[Any, ...]:
        return not self._is_known(check), *self._rank(check.source), check.number

    def _may_start(self, check: _Check) -> bool:
        strangers = sum(not self._is_known(each) for each in self._running.values())
        is_free = len(self._running) < CONCURRENT_CHECKS
        return is_free and (self._is_known(check) or strangers < CONCURRENT_CHECKS - 1)

    def _start_next(self) -> None:
        while self._waiting:
            check = min(self._waiting.values(), key=self._place)
            if not self._may_start(check):
                return
            if _is_wanted(check):
                del self._waiting[check.digest]
                self._start(check)
            else:
                self._drop(check)
        # Nobody waits: what each has had until now delays nobody any more.
        self._served.clear()

    def _start(self, check: _Check) -> None:
        self._running[check.digest] = check
        if len(self._served) >= REMEMBERED:  # a flood that never ends
            self._served.clear()
        self._served.update((check.source, network_of(check.source)))
        done = asyncio.get_running_loop().run_in_executor(self._threads, check.run)
        done.add_done_callback(partial(self._end, check))

    def _end(self, check: _Check, done: asyncio.Future[Any]) -> None:
        del self._running[check.digest]
        if done.cancelled():
            check.result.cancel()
        elif (error := done.exception()) is not None:
            check.result.set_exception(error)
        else:
            check.result.set_result(done.result())
        self._start_next()


def _is_wanted(check: _Check) -> bool:
    return any(is_wanted() for is_wanted in check.is_wanted)
