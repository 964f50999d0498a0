"""Which transfers this process has opened, and whose they are, as far as it remembers.

Only saves work, as `flights` does: it guesses which of two writes is worth trying first, and the journal decides.
"""

from __future__ import annotations

from typing import Final

from gateway.journal.records import Key, Session

REMEMBERED: Final = 100_000


class Seen:
    """The latest `capacity` keys, each with the session that it was opened with."""

    def __init__(self, capacity: int = REMEMBERED) -> None:
        self._capacity = capacity
        self._sessions: dict[Key, Session] = {}

    def add(self, key: Key, session: Session) -> None:
        self._sessions[key] = session
        if len(self._sessions) > self._capacity:
            del self._sessions[next(iter(self._sessions))]

    def session(self, key: Key) -> Session | None:
        """The session that the transfer was opened with here."""
        return self._sessions.get(key)

    def __contains__(self, key: Key) -> bool:
        return key in self._sessions
