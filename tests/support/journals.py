"""The stores that every journal test runs against, and records to put into them.

A store joins the shared tests by adding its shelf to `SHELVES`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from gateway.clock import SystemClock
from gateway.journal import migrate_journal, open_journal
from gateway.journal.copy import CopyableJournal
from gateway.journal.sqlite.connection import SqliteFile, connect
from gateway.journal.writes import Change
from gateway.money import money
from gateway.reasons import Source
from gateway.records import Attempt, Direction, Key, Reason, Session, State, Timeline, Transfer, Verdict
from gateway.settings import JournalSettings
from gateway.telemetry.metrics import Metrics
from gateway.transitions import PREDECESSORS
from tests.support.postgres_shelf import PostgresShelf

KEY: Final = base64.b64encode(b"k" * 32).decode()
NOW: Final = 1_700_000_000.0
ACME: Final = "acme"


class Shelf(Protocol):
    """A place of one test's own, for one journal: empty before `prepare`."""

    url: str

    async def prepare(self) -> None: ...
    async def contents(self) -> bytes:
        """Everything the store keeps, as it lies there."""

    async def query(self, statement: str) -> list[Any]:
        """Runs one statement of plain SQL beside the journals. Returns its rows."""

    async def discard(self) -> None: ...


class SqliteShelf:
    """A file in the test's folder."""

    def __init__(self, tmp_path: Path) -> None:
        self.path = tmp_path / "journal.db"
        self.url = f"sqlite:///{self.path}"

    async def prepare(self) -> None:
        await migrate_journal(JournalSettings(url=self.url))

    async def contents(self) -> bytes:
        return b"".join(file.read_bytes() for file in self.path.parent.glob("journal.db*"))

    async def query(self, statement: str) -> list[Any]:
        connection = connect(SqliteFile(str(self.path)))
        try:
            return connection.execute(statement).fetchall()
        finally:
            connection.close()

    async def discard(self) -> None:
        """The folder goes with the test."""


SHELVES: Final[dict[str, Callable[[Path], Shelf]]] = {"sqlite": SqliteShelf, "postgres": PostgresShelf}


class Journals:
    """Opens journals on one shelf, any number of them side by side, and closes them after the test."""

    def __init__(self, shelf: Shelf, stack: AsyncExitStack) -> None:
        self.shelf = shelf
        self.metrics = Metrics()
        self._stack = stack
        self._opened = 0

    def settings(self, **changes: Any) -> JournalSettings:
        return JournalSettings(url=self.shelf.url, **changes)

    async def open(self, **changes: Any) -> CopyableJournal:
        """Another journal on the shelf; the first is the gateway's, further ones look in beside it."""
        journal = await open_journal(
            "default", self.settings(**changes), self.metrics, SystemClock(), beside=self._opened > 0
        )
        self._opened += 1
        self._stack.push_async_callback(journal.close)
        return journal

    async def close(self) -> None:
        """Closes them all; the next that is opened is the gateway's again."""
        self._opened = 0
        await self._stack.aclose()


def key_of(id: str, operator: str = ACME, direction: Direction = Direction.WITHDRAW) -> Key:
    return Key(operator, direction, id)


def a_session(token: str = "0fabcdc4-fe07-44f2-b968-93da3b324898", operator: str = ACME, **changes: Any) -> Session:
    return Session(operator=operator, token=token, **{"player_id": "player-1", **changes})


def verified(session: Session, at: float = NOW) -> Session:
    """The session as the journal's list of sessions gives it: it also tells when it was verified."""
    return msgspec.structs.replace(session, verified_at=at)


def a_transfer(id: str = "1234abcd", **changes: Any) -> Transfer:
    """A withdrawal as it is first written; `changes` replace its fields."""
    operator = changes.get("operator", ACME)
    fields: dict[str, Any] = {
        "operator": operator,
        "direction": Direction.WITHDRAW,
        "state": State.SENDING,
        "amount": money("230", "XAG"),
        "description": "A sword",
        "session": a_session(operator=operator),
        "fingerprint": "f" * 32,
        "opened_at": NOW,
        "changed_at": NOW,
    }
    return Transfer(id=id, **{**fields, **changes})


def a_reason(text: str = "Withdraw request failed.", **changes: Any) -> Reason:
    return Reason(text=text, **{"source": Source.GAME, "category": "withdraw_failed", "at": NOW, **changes})


def a_change(key: Key, to: State, **changes: Any) -> Change:
    """A change to this state from every state that it may follow."""
    return Change(key=key, to=to, **{"allowed": tuple(sorted(PREDECESSORS[to])), "at": NOW, **changes})


async def put(journal: CopyableJournal, transfer: Transfer, *reasons: Reason) -> None:
    """Writes a transfer in whatever state it is, as a copy of a journal does: an insert takes first states only."""
    await journal.import_timeline(Timeline(transfer=transfer, attempts=[], reasons=list(reasons)))


def an_attempt(**changes: Any) -> Attempt:
    fields: dict[str, Any] = {"call": "withdraw", "at": NOW, "took_s": 0.25, "verdict": Verdict.SUCCESS}
    return Attempt(**{**fields, **changes})
