"""Slows down who guesses secrets: the more wrong ones come from an address, the longer each next one waits before it is
looked at (docs/decisions/058-guesses-wait.md). An address is one of IPv4, or a /64 of IPv6: a host may use all of it.

Secrets that were right before from the same address never wait, so that nobody is locked out by a neighbour who
guesses. A secret that is known to be wrong is refused at once: that tells nothing new. Nor does one that is being
looked at already, so a game that sends a hundred calls to a gateway that has just started guesses once. Each map is
bounded.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final
from weakref import WeakValueDictionary

from gateway.bounded import BoundedMap
from gateway.http.addresses import network_of
from gateway.http.check_queue import TooManyChecks
from gateway.http.credentials import NO_GRANT, Credentials, Grant, digest_of

FREE: Final = 16
"""How many wrong secrets cost no time."""

PAUSE_STEP_S: Final = 0.02
PAUSE_MAX_S: Final = 5.0
"""How much longer each wrong secret beyond `FREE` makes the pause before the next one, and how long it can be."""

QUIET_S: Final = 900.0
"""After this time without a wrong secret, an address begins again."""

SOURCES: Final = 4096
"""How many addresses are remembered as guessing, and how many secrets as right, each with its address."""


class TooManyGuesses(TooManyChecks):
    """So many wrong secrets came from this address that this one would not be looked at in time."""


class _Source:
    """An address. `asked`: its secrets that are not proved right; `due_at`: when the next may be looked at."""

    __slots__ = ("asked", "asked_at", "due_at")

    def __init__(self) -> None:
        self.asked = 0
        self.asked_at = self.due_at = 0.0

    def pause_s(self) -> float:
        return min(PAUSE_MAX_S, PAUSE_STEP_S * max(0, self.asked - FREE))


class Guesses:
    """What one listener knows of who guesses. Times are `time.monotonic()`."""

    def __init__(self) -> None:
        self._sources: BoundedMap[str, _Source] = BoundedMap(SOURCES)
        self._right: BoundedMap[tuple[str, bytes], None] = BoundedMap(SOURCES)
        self._turns: WeakValueDictionary[tuple[str, bytes], asyncio.Lock] = WeakValueDictionary()
        self._pauses: dict[tuple[str, bytes], set[asyncio.Task[None]]] = {}

    async def check(
        self,
        credentials: Credentials,
        header: str | None,
        source: str,
        scope: str = "",
        *,
        until: float,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> Grant:
        """The grant of an Authorization header from this address, `NO_GRANT` if it is wrong.

        `is_wanted` is as of `Credentials.check`. Raises `TooManyChecks`, `TooManyGuesses` if
        it would not be looked at before `until`, and `TimeoutError` at that time.
        """
        if header is None:
            return NO_GRANT
        digest = digest_of(header, scope)
        if (known := self._find_known(credentials, header, scope, source, digest)) is not None:
            return known
        async with asyncio.timeout(until - time.monotonic()), self._turns.setdefault((source, digest), asyncio.Lock()):
            # Whoever had the turn before has sent the same, and may have found out.
            if (known := self._find_known(credentials, header, scope, source, digest)) is not None:
                return known
            is_counted, grant = await self.wait(source, digest, until=until), None
            try:
                grant = await credentials.check(header, source, scope, is_wanted)
            finally:
                if grant is None and is_counted:  # nobody looked at it
                    self._take_back(source)
        if grant is not NO_GRANT:
            self.note_right(source, digest, is_counted=is_counted)
        return grant

    async def wait(self, source: str, digest: bytes, *, until: float) -> bool:
        """Waits until a secret of this address may be looked at, or until `note_right` says that there is no need to.

        Returns whether it is counted as wrong unless `note_right` follows. Raises `TooManyGuesses` if it would not be
        looked at before `until`.
        """
        if (source, digest) in self._right:
            return False
        if (wait_s := self._reserve(source, until)) > 0:
            await self._pause(source, digest, wait_s)
        return True

    def note_right(self, source: str, digest: bytes, *, is_counted: bool) -> None:
        """A secret that has waited is right; `is_counted` is what `wait` returned."""
        self._right.put((source, digest), None)
        if is_counted:
            self._take_back(source)
        for pause in self._pauses.get((source, digest), ()):
            pause.cancel()

    async def _pause(self, source: str, digest: bytes, wait_s: float) -> None:
        pause = asyncio.ensure_future(asyncio.sleep(wait_s))
        pauses = self._pauses.setdefault((source, digest), set())
        pauses.add(pause)
        try:
            await asyncio.wait({pause})
        finally:
            pause.cancel()
            pauses.discard(pause)
            if not pauses:
                self._pauses.pop((source, digest), None)

    def _find_known(
        self, credentials: Credentials, header: str, scope: str, source: str, digest: bytes
    ) -> Grant | None:
        """What is known of a header that need not wait; None if it has to be looked at."""
        known = credentials.look_up(header, scope)
        if known is None or known is NO_GRANT:
            return known
        if self._must_wait(source, digest):
            return None
        self._right.put((source, digest), None)
        return known

    def _must_wait(self, source: str, digest: bytes) -> bool:
        guessing = self._find(source)
        return guessing is not None and guessing.pause_s() > 0 and (source, digest) not in self._right

    def _reserve(self, source: str, until: float) -> float:
        """How many seconds a secret has to wait. The next one comes after it, by a pause that has grown."""
        now, guessing = time.monotonic(), self._find(source)
        if guessing is None:
            guessing = _Source()
            self._sources.put(_name(source), guessing)
        due = max(now, guessing.due_at)
        if due > until:
            raise TooManyGuesses
        guessing.asked += 1
        guessing.asked_at = now
        guessing.due_at = due + guessing.pause_s()
        return due - now

    def _take_back(self, source: str) -> None:
        if (guessing := self._find(source)) is not None:
            guessing.asked = max(0, guessing.asked - 1)

    def _find(self, source: str) -> _Source | None:
        """What is remembered of an address, unless that was long ago."""
        found = self._sources.get(_name(source))
        return None if found is None or time.monotonic() > found.asked_at + QUIET_S else found


def _name(source: str) -> str:
    return network_of(source) if ":" in source else source
