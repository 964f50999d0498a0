"""The journal of a simulation: the real store on a simulated disk, and a plain look at what it holds.

One `Database` is the file; each gateway reaches it through a `SimulatedJournal` of its own, as several gateways reach
one PostgreSQL, or as the one gateway on a machine reaches its SQLite file.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from typing import Any, Final

import apsw
import msgspec

from gateway.clock import Clock
from gateway.journal.group_commit import Batch, GroupCommit, GroupedWrites
from gateway.journal.interface import JournalMeasures, JournalUnavailable, Position, ReasonFilter, TransferFilter
from gateway.journal.sealing import Sealer
from gateway.journal.sqlite.connection import SqliteFile
from gateway.journal.sqlite.reads import SqliteReads
from gateway.journal.sqlite.store import SqliteStore
from gateway.journal.writes import Change, CheckWritable, Claim, Insert, Inserted, NamePlayer, Write
from gateway.records import (
    Instance,
    Key,
    KeyedReason,
    MovedOperator,
    ReasonTotal,
    Recipient,
    Session,
    State,
    Timeline,
    Transfer,
    UnfinishedCount,
)
from gateway.telemetry.metrics import Metrics
from tests.simulation.dice import Dice
from tests.simulation.disk import Disk
from tests.simulation.processes import PROCESS, Process
from tests.support.virtual_time import EPOCH

FILE: Final = "journal.db"

COMMIT_S: Final = 0.001

COLUMNS: Final = (
    "operator",
    "direction",
    "id",
    "state",
    "revision",
    "wants",
    "fate",
    "owner",
    "amount",
    "currency",
    "adopted",
    "player_id",
    "tries",
    "opened_at",
    "due_at",
    "decided_at",
    "changed_at",
)

ROW: Final = (*COLUMNS, "hold_balance", "end_balance")
REASON: Final = ("operator", "direction", "id", "text", "source", "category", "who", "times")
ATTEMPT: Final = ("operator", "direction", "id", "call", "at", "took_s", "verdict", "detail", "instance")


class Version(msgspec.Struct, frozen=True):
    """One version of a row, as it was committed by a gateway ("" for a person); `at` is the simulation's time."""

    at: float
    by: str
    operator: str
    direction: str
    id: str
    state: str
    revision: int
    wants: str | None
    fate: str
    owner: str | None
    amount: str | None
    currency: str | None
    adopted: int
    player_id: str
    tries: int
    opened_at: float
    due_at: float | None
    decided_at: float | None
    changed_at: float

    @property
    def key(self) -> tuple[str, str, str]:
        return self.operator, self.direction, self.id


class Database:
    """A journal file. `versions` is every version of every row that was ever committed, in order."""

    def __init__(self, disk: Disk, now: Callable[[], float]) -> None:
        self.disk = disk
        self.versions: list[Version] = []
        self.lost: list[str] = []
        self.commits = 0
        self.failures = 0
        self.on_claim: Callable[[Process], object] = lambda _: None
        """What may befall a gateway that has claimed rows, and has not looked at them yet."""
        self.on_open: Callable[[Process, list[Key]], object] = lambda _process, _keys: None
        """… that has made the rows of these holds, and has not sent them yet."""
        self.on_success: Callable[[Process], object] = lambda _: None
        """… that is about to record that an operator has taken a hold."""
        self._now = now
        self._noted: list[Version] = []
        self._by = ""
        self._in_doubt: str | None = None
        self._open()

    def apply(self, writes: list[Write], by: str) -> list[Any]:
        """One transaction of a gateway. Raises `JournalUnavailable`."""
        self._noted.clear()
        self._by = by
        changes = self.store._connection.total_changes()
        try:
            answers = self.store.apply(writes)
        except JournalUnavailable:
            self.failures += 1
            self._in_doubt = self._in_doubt or by
            raise
        self.commits += 1
        if self.store._connection.total_changes() > changes:  # written over what a failed commit may have left
            self._in_doubt = None
        self.versions += self._noted
        if self.store.checkpoint_due:
            self._checkpoint()
        return answers

    def rows(self, where: str = "1", *values: object) -> list[dict[str, Any]]:
        """Transfers, as plain SQL finds them."""
        return _rows(self.store._connection, ROW, f"FROM transfers WHERE {where} ORDER BY number", values)

    def reasons(self) -> list[dict[str, Any]]:
        """Rollback reasons with the transfers they belong to, as plain SQL finds them."""
        return _rows(
            self.store._connection,
            REASON,
            "FROM rollback_reasons AS mine JOIN transfers ON transfers.number = mine.transfer ORDER BY mine.number",
        )

    def attempts(self) -> list[dict[str, Any]]:
        """Tries with the transfers they belong to, as plain SQL finds them."""
        return _rows(
            self.store._connection,
            ATTEMPT,
            "FROM attempts AS mine JOIN transfers ON transfers.number = mine.transfer ORDER BY mine.number",
        )

    def durable_state(self, operator: str, direction: str, id: str) -> str | None:
        """The state of a transfer that would be found if the power went now; None if it would not be."""
        if self.disk.synced:
            return _state(self.store._connection, operator, direction, id)
        surviving = self.disk.surviving()
        try:
            store = SqliteStore(SqliteFile(FILE, vfs=surviving.vfs, exclusive=True), Sealer())
            state = _state(store._connection, operator, direction, id)
            store.close()
        except JournalUnavailable:
            return None
        finally:
            surviving.close()
        return state

    def crash(self, *, power: bool) -> None:
        """Whoever has it open is gone, and the machine's power with it if so told. Then it is opened again."""
        before = {_key(row): row for row in self.rows()}
        self.let_go()
        if power:
            self.disk.lose_power()
        self._open()
        after = {_key(row): row for row in self.rows()}
        for key, row in before.items():
            if not self._survived(row, after.get(key)):
                self.lost.append(f"{key} was committed as {row['state']}, after the crash it is {after.get(key)}")
        self.versions += [
            Version(self._now(), self._in_doubt or self._by, *(row[column] for column in COLUMNS))
            for key, row in after.items()
            if key not in before or row["revision"] > before[key]["revision"]
        ]
        self._in_doubt = None

    def let_go(self) -> None:
        """Closes the connection as a dying process does: without a last write."""
        self.disk.gone = True
        self.store._connection.close()
        self.disk.gone = False

    def close(self) -> None:
        self.let_go()
        self.disk.close()

    def _survived(self, before: dict[str, Any], after: dict[str, Any] | None) -> bool:
        """A commit that failed may have become durable all the same, and then moved the row on."""
        if after is None:
            return False
        if self._in_doubt:
            return bool(after["revision"] >= before["revision"])
        return bool(after["revision"] == before["revision"] and after["state"] == before["state"])

    def _open(self) -> None:
        self.store = SqliteStore(SqliteFile(FILE, vfs=self.disk.vfs, exclusive=True), Sealer())
        connection = self.store._connection
        connection.create_scalar_function("note_version", self._note, len(COLUMNS))
        columns = ", ".join(f"NEW.{column}" for column in COLUMNS)
        for event in ("INSERT", "UPDATE"):
            connection.execute(
                f"CREATE TEMP TRIGGER noted_{event} AFTER {event} ON main.transfers"
                f" BEGIN SELECT note_version({columns}); END"
            )

    def _note(self, *values: Any) -> None:
        self._noted.append(Version(self._now(), self._by, *values))

    def _checkpoint(self) -> None:
        try:
            self.store.checkpoint()
        except JournalUnavailable:
            self.failures += 1


class Mishaps(msgspec.Struct):
    """What goes wrong between a gateway and its journal: chances of a batch to fail before it was committed, or after,
    and how long an answer takes at most."""

    lost_before: float = 0.0
    lost_after: float = 0.0
    slow: float = 0.0
    slow_s: float = 0.0


class SimulatedJournal(GroupedWrites):
    """`Journal` of one gateway, made in its process, over a `Database`.

    `server` is the context of the database where that is a process of its own; None where the gateway itself commits,
    one batch after the other: then no other gateway has the file open.
    """

    def __init__(
        self,
        name: str,
        database: Database,
        mishaps: Mishaps,
        dice: Dice,
        metrics: Metrics,
        server: contextvars.Context | None,
    ) -> None:
        self.name = name
        self.exclusive = server is None
        self._database = database
        self._mishaps = mishaps
        self._dice = dice
        self.losses = 0
        self.clock: Clock | None = None
        """The gateway's, which is compared with the database's where that is a process of its own."""
        self.cut_off = False
        """Whether this gateway alone cannot reach the database: what is on its way there still arrives."""
        self._process = PROCESS.get()
        self._here = contextvars.copy_context()
        self._server = self._here if server is None else server  # an empty context counts as false
        self._loop = asyncio.get_running_loop()
        super().__init__(GroupCommit("default", self._send, metrics))

    async def measure(self) -> JournalMeasures:
        self._reading()
        offset_s = None if self.exclusive or self.clock is None else self.clock.now() - EPOCH - self._loop.time()
        return JournalMeasures(schema=0, transfers=0, sessions=0, data_bytes=0, clock_offset_s=offset_s)

    async def last_lease(self) -> float | None:
        return self._reading().last_lease()

    async def moved_operators(self) -> list[MovedOperator]:
        return self._database.store.reads.moved_operators()

    async def instances(self) -> list[Instance]:
        return self._reading().instances()

    async def find(self, key: Key) -> Transfer | None:
        return self._reading().find(key)

    async def find_session(self, operator: str, token: str) -> Session | None:
        return self._reading().find_session(operator, token)

    async def next_due(self, operator: str, recipient: Recipient = Recipient.OPERATOR) -> float | None:
        return self._reading().next_due(operator, recipient)

    async def timeline(self, key: Key) -> Timeline | None:
        return self._reading().timeline(key)

    async def list_transfers(
        self, where: TransferFilter, *, limit: int, after: Position | None = None
    ) -> list[Transfer]:
        return self._reading().list_transfers(where, limit, after)

    async def list_reasons(
        self, where: ReasonFilter, *, limit: int, after: Position | None = None
    ) -> list[KeyedReason]:
        return self._reading().list_reasons(where, limit, after)

    async def count_transfers(self, where: TransferFilter) -> int:
        return self._reading().count_transfers(where)

    async def count_listed_reasons(self, where: ReasonFilter) -> int:
        return self._reading().count_listed_reasons(where)

    async def count_reasons(self, where: ReasonFilter) -> list[ReasonTotal]:
        return self._reading().count_reasons(where)

    async def count_unfinished(self, abandoned_before: float) -> list[UnfinishedCount]:
        return self._reading().count_unfinished(abandoned_before)

    async def name_player(self, key: Key, player_id: str) -> None:
        await self._group.write(NamePlayer(key=key, player_id=player_id))

    async def check_writable(self) -> None:
        await self._group.write(CheckWritable())

    async def close(self) -> None:
        await self._group.close()

    def _reading(self) -> SqliteReads:
        if self.cut_off or self._dice.happens(self._mishaps.lost_before):
            raise JournalUnavailable("the connection to the journal was lost")
        return self._database.store.reads

    def _send(self, batch: Batch) -> None:
        if self._process is not None and any(map(_is_success, batch.writes)):
            self._database.on_success(self._process)
        if self.cut_off or self._dice.happens(self._mishaps.lost_before):
            self.losses += 1
            self._later(self._takes_s(), self._fail, batch, "the journal could not be reached")
            return
        told = not self._dice.happens(self._mishaps.lost_after)
        if not told:  # the connection broke after COMMIT was sent: that may be known before it is done, or after
            self.losses += 1
            self._later(self._takes_s(), self._fail, batch, "the connection broke during the commit")
        self._at(self._server, self._takes_s(), self._commit, batch, told)

    def _commit(self, batch: Batch, told: bool) -> None:
        """Runs at the database."""
        tell: Callable[..., None] = self._settle
        answer: Any
        try:
            answer = self._database.apply(batch.writes, self.name)
        except JournalUnavailable as error:
            tell, answer = self._fail, str(error)
        if told:
            self._later(self._takes_s(), tell, batch, answer)

    def _later(self, wait_s: float, do: Callable[..., None], *args: Any) -> None:
        self._at(self._here, wait_s, do, *args)

    def _at(self, where: contextvars.Context, wait_s: float, do: Callable[..., None], *args: Any) -> None:
        self._loop.call_at(self._loop.time() + wait_s, do, *args, context=where)

    def _settle(self, batch: Batch, answers: list[Any]) -> None:
        if self.cut_off:
            self.losses += 1
            self._fail(batch, "the connection broke during the commit")
        else:
            self._group.settle(batch, answers, COMMIT_S)
            if self._process is not None and any(map(_is_claim, batch.writes, answers)):
                self._database.on_claim(self._process)
            written = zip(batch.writes, answers, strict=True)
            opened = [key for write, answer in written if (key := _new_hold(write, answer)) is not None]
            if self._process is not None and opened:
                self._database.on_open(self._process, opened)

    def _fail(self, batch: Batch, why: str) -> None:
        self._group.fail(batch, JournalUnavailable(why))

    def _takes_s(self) -> float:
        if self.exclusive:
            return COMMIT_S
        if self._dice.happens(self._mishaps.slow):
            return self._dice.between(0, self._mishaps.slow_s)
        return self._dice.between(0.0002, 0.003)


def _is_claim(write: Write, answer: object) -> bool:
    """Whether rows were claimed thereby."""
    return isinstance(write, Claim) and bool(answer)


def _new_hold(write: Write, answer: object) -> Key | None:
    """The hold that may be sent now that its row is there."""
    if isinstance(write, Insert) and write.transfer.state is State.SENDING:
        return write.transfer.key if isinstance(answer, Inserted) and answer.created else None
    return None


def _is_success(write: Write) -> bool:
    """Whether a hold is recorded thereby as taken."""
    return isinstance(write, Change) and write.to is State.HELD and write.attempt is not None


def _rows(
    connection: apsw.Connection, columns: tuple[str, ...], rest: str, values: tuple[object, ...] = ()
) -> list[dict[str, Any]]:
    found = connection.execute(f"SELECT {', '.join(columns)} {rest}", values)
    return [dict(zip(columns, row, strict=True)) for row in found]


def _state(connection: apsw.Connection, operator: str, direction: str, id: str) -> str | None:
    found = connection.execute(
        "SELECT state FROM transfers WHERE operator = ? AND direction = ? AND id = ?", (operator, direction, id)
    ).fetchall()
    return str(found[0][0]) if found else None


def _key(row: dict[str, Any]) -> tuple[str, str, str]:
    return row["operator"], row["direction"], row["id"]
