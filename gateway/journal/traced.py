"""A journal that traces itself: a span for every wait of a call, and which call decided how a transfer ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from gateway.journal.interface import Journal, JournalUnavailable
from gateway.journal.writes import Change, Changed, Inserted
from gateway.records import FINAL, Key, Reason, Session, Timeline, Transfer

if TYPE_CHECKING:
    from gateway.telemetry.tracing import Tracing


_UNSEEN: Final = nullcontext()


def traced_journal(name: str, journal: Journal, tracing: Tracing) -> Journal:
    """The same journal, whose waits are spans. `name` is the journal's in the configuration."""
    return cast("Journal", _TracedJournal(name, journal, tracing))


class _TracedJournal:
    """What no call waits for, such as housekeeping, goes straight to the journal."""

    def __init__(self, name: str, journal: Journal, tracing: Tracing) -> None:
        self._name = name
        self._journal = journal
        self._tracing = tracing

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    async def insert(self, transfer: Transfer, reason: Reason | None = None) -> Inserted:
        with self._waiting("insert"):
            inserted = await self._journal.insert(transfer, reason)
        if inserted.created and transfer.decided_at is not None:
            self._note(transfer.key, has_ended=transfer.state in FINAL)
        return inserted

    async def change(self, change: Change) -> Changed:
        with self._waiting("change"):
            changed = await self._journal.change(self._with_trace(change))
        if changed.moved and (change.decided_at is not None or change.to in FINAL):
            self._note(change.key, has_ended=change.to in FINAL)
        return changed

    async def add_reason(self, key: Key, reason: Reason) -> None:
        with self._waiting("add_reason"):
            await self._journal.add_reason(key, reason)

    async def save_session(self, session: Session, at: float) -> None:
        with self._waiting("save_session"):
            await self._journal.save_session(session, at)

    async def find(self, key: Key) -> Transfer | None:
        with self._waiting("find"):
            return await self._journal.find(key)

    async def find_session(self, operator: str, token: str) -> Session | None:
        with self._waiting("find_session"):
            return await self._journal.find_session(operator, token)

    async def timeline(self, key: Key) -> Timeline | None:
        with self._waiting("timeline"):
            return await self._journal.timeline(key)

    def _waiting(self, what: str) -> AbstractContextManager[None]:
        return self._wait_span(what) if self._tracing.current.is_recording() else _UNSEEN

    @contextmanager
    def _wait_span(self, what: str) -> Iterator[None]:
        with self._tracing.span(f"journal {what}", {"mm_gateway.journal": self._name}):
            try:
                yield
            except JournalUnavailable:
                self._tracing.fail("journal_unavailable")
                raise

    def _with_trace(self, change: Change) -> Change:
        """The same change, its attempt with the id of the trace, so that who looks at the transfer finds the trace."""
        if change.attempt is None or not self._tracing.is_in_trace():
            return change
        # In the text for people: a column of its own would be a migration, for what most gateways do not have.
        detail = f"{change.attempt.detail} (trace {self._tracing.trace_id()})".lstrip()
        return msgspec.structs.replace(change, attempt=msgspec.structs.replace(change.attempt, detail=detail))

    def _note(self, key: Key, *, has_ended: bool) -> None:
        if has_ended:
            self._tracing.forget(key)
        elif self._tracing.is_in_trace():
            self._tracing.note_decided(key)
