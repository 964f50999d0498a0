"""A batch of writes as the arguments of the function `journal_write`, and its answers as those of the writes.

The function takes one array of JSON objects per kind of write; what is null is left out, bytes are in base64.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from operator import itemgetter
from typing import Any, Final

import msgspec

from gateway.journal.rows import (
    ATTEMPT_COLUMNS,
    REASON_COLUMNS,
    TRANSFER_COLUMNS,
    Rows,
    of_attempt,
    of_key,
    of_money,
    of_reason,
    of_text,
)
from gateway.journal.text_escaping import escaped
from gateway.journal.writes import (
    AddReason,
    Change,
    Changed,
    CheckWritable,
    Claim,
    Import,
    Insert,
    Inserted,
    Prune,
    ReleaseOrphans,
    RenewLease,
    SaveSession,
    Write,
    apply_change,
)
from gateway.records import Attempt, Key, Reason, Transfer

_KINDS: Final = (
    "opens", "changes", "attempts", "reasons", "notes", "sessions", "beats", "inherits", "claims", "prunes", "checks",
)  # fmt: skip
_MADE: Final = -1  # the place at which is answered how many opens made their row
_FIRST_COLUMN: Final = 2
_LAST_COLUMN: Final = _FIRST_COLUMN + len(TRANSFER_COLUMNS)
_CHANGEABLE: Final = (
    "fence", "amount", "currency", "due_at", "owner", "wants", "decided_at", "fate", "missing_at", "hold_balance",
    "hold_currency", "end_balance", "end_currency", "rollback_reason", "player_id", "session", "spare_session",
)  # fmt: skip

Record = Sequence[Any]
Ordered = tuple[Any, object]


def _object(name: str, required: Sequence[str], optional: Sequence[str] = ()) -> Callable[..., object]:
    """A kind of JSON object with these fields, given in this order; an optional one that is None is left out."""
    fields: list[Any] = [*((field, Any) for field in required), *((field, Any, None) for field in optional)]
    return msgspec.defstruct(name, fields, omit_defaults=True, gc=False)


_KEY: Final = ("id", "operator", "direction")
_Open: Final = _object("_Open", ["place"], TRANSFER_COLUMNS)
_Change: Final = _object("_Change", ("place", *_KEY, "allowed", "state", "at", "tries"), _CHANGEABLE)
_Attempt: Final = _object("_Attempt", (*_KEY, "in_any_case", *ATTEMPT_COLUMNS))
_Reason: Final = _object("_Reason", (*_KEY, "folded", *REASON_COLUMNS))
_Session: Final = _object("_Session", ("digest", "operator", "player_id", "session", "seen_at"))

_json: Final = msgspec.json.Encoder().encode


def key_of(write: Write) -> Key | None:
    """The transfer that a write is about; no batch may hold two writes about one."""
    if isinstance(write, Change | AddReason):
        return write.key
    if isinstance(write, Insert):
        return write.transfer.key
    return write.timeline.transfer.key if isinstance(write, Import) else None


class Arguments:
    """The arguments that a batch becomes. Every array is in the order of its keys, which is the order of locks."""

    def __init__(self, rows: Rows, writes: Sequence[Write]) -> None:
        self._rows = rows
        self._arrays: dict[str, list[Ordered]] = {}
        adders: dict[type[Write], Callable[[int, Any], None]] = {
            Insert: self._open,
            Change: self._change,
            AddReason: self._note,
            SaveSession: self._remember,
            Claim: self._claim,
            RenewLease: self._beat,
            ReleaseOrphans: self._inherit,
            Prune: self._prune,
            Import: self._import,
            CheckWritable: self._check,
        }
        for place, write in enumerate(writes):
            adders[type(write)](place, write)

    def values(self) -> list[str | None]:
        """In the order of the function's parameters."""
        return [self._array(kind) for kind in _KINDS]

    def _array(self, kind: str) -> str | None:
        objects = self._arrays.get(kind)
        if objects is None:
            return None
        objects.sort(key=itemgetter(0))
        return _json([fields for _, fields in objects]).decode()

    def _add(self, kind: str, order: Any, fields: object) -> None:
        self._arrays.setdefault(kind, []).append((order, fields))

    def _open(self, place: int, write: Insert) -> None:
        key = self._transfer(place, write.transfer)
        if write.reason is not None:
            self._reason(key, write.reason)

    def _import(self, place: int, write: Import) -> None:
        timeline = write.timeline
        key = self._transfer(place, timeline.transfer)
        for attempt in timeline.attempts:
            self._attempt(key, attempt, in_any_case=False)
        for reason in timeline.reasons:
            self._reason(key, reason)

    def _transfer(self, place: int, transfer: Transfer) -> tuple[str, ...]:
        row = self._rows.of_transfer(transfer)
        self._add("opens", row[:3], _Open(place, *row))
        return row[:3]

    def _change(self, place: int, write: Change) -> None:
        key = of_key(write.key)
        session = write.session
        fields = _Change(
            place,
            *key,
            write.allowed,
            write.to,
            write.at,
            write.tries,
            write.fence,
            *of_money(write.amount),
            write.due_at,
            write.owner,
            write.wants,
            write.decided_at,
            write.fate,
            write.missing_at,
            *of_money(write.hold_balance),
            *of_money(write.end_balance),
            of_text(write.rollback_reason),
            None if session is None else escaped(session.player_id),
            None if session is None else self._rows.of_session(session),
            None if session is None else self._rows.of_spare(write.spare_session),
        )
        self._add("changes", key, fields)
        if write.attempt is not None:
            self._attempt(key, write.attempt, in_any_case=True)
        if write.reason is not None:
            self._reason(key, write.reason)

    def _note(self, _place: int, write: AddReason) -> None:
        self._reason(of_key(write.key), write.reason, "notes")

    def _attempt(self, key: tuple[str, ...], attempt: Attempt, *, in_any_case: bool) -> None:
        self._add("attempts", key, _Attempt(*key, in_any_case, *of_attempt(attempt)))

    def _reason(self, key: tuple[str, ...], reason: Reason, kind: str = "reasons") -> None:
        folded = escaped(reason.text.casefold())
        self._add(kind, key, _Reason(*key, folded, *of_reason(reason)))

    def _remember(self, _place: int, write: SaveSession) -> None:
        session = write.session
        digest, operator = self._rows.digest(session), session.operator
        sealed = self._rows.of_session(session)
        self._last(
            "sessions", (digest, operator), _Session(digest, operator, escaped(session.player_id), sealed, write.at)
        )

    def _beat(self, _place: int, write: RenewLease) -> None:
        self._last("beats", write.instance.id, write.instance)

    def _last(self, kind: str, order: Any, fields: object) -> None:
        """Of several writes under one key only the last counts."""
        earlier = self._arrays.get(kind, [])
        self._arrays[kind] = [entry for entry in earlier if entry[0] != order] + [(order, fields)]

    def _inherit(self, place: int, write: ReleaseOrphans) -> None:
        now = write.now if isfinite(write.now) else "Infinity"
        self._add("inherits", place, {"place": place, "now": now})

    def _claim(self, place: int, write: Claim) -> None:
        self._add("claims", place, {"place": place, **msgspec.structs.asdict(write)})

    def _prune(self, place: int, write: Prune) -> None:
        self._add("prunes", place, {"place": place, **msgspec.structs.asdict(write)})

    def _check(self, place: int, _write: CheckWritable) -> None:
        self._add("checks", place, {})


def answers(rows: Rows, writes: Sequence[Write], records: Sequence[Record]) -> list[Any]:
    """The answer to each write, from what the function returned."""
    found: dict[int, list[Record]] = {}
    for record in records:
        found.setdefault(record[0], []).append(record)
    made = found.pop(_MADE, _NOTHING_MADE)
    given = [_READERS[type(write)](rows, write, found.get(place, [])) for place, write in enumerate(writes)]
    assert made[0][1] == sum(isinstance(answer, Inserted) and answer.created for answer in given)
    return given


def transfer_of(rows: Rows, record: Record) -> Transfer:
    """The transfer in a record of the type `journal_answer`."""
    return rows.transfer(record[_FIRST_COLUMN:_LAST_COLUMN])


def _opened(rows: Rows, write: Insert, records: list[Record]) -> Inserted:
    return Inserted(transfer_of(rows, records[0]), created=False) if records else Inserted(write.transfer, created=True)


def _imported(rows: Rows, write: Import, records: list[Record]) -> Inserted:
    return _opened(rows, Insert(transfer=write.timeline.transfer), records)


def _changed(rows: Rows, write: Change, records: list[Record]) -> Changed:
    record = records[0]
    moved = record[1] == 1
    if moved and write.found is not None:
        return Changed(apply_change(write.found, write), moved=True)  # cheaper than reading what has just been written
    return Changed(None if record[_FIRST_COLUMN] is None else transfer_of(rows, record), moved=moved)


def _claimed(rows: Rows, _write: Claim, records: list[Record]) -> list[Transfer]:
    return [transfer_of(rows, record) for record in records]


def _counted(_rows: Rows, _write: ReleaseOrphans | Prune, records: list[Record]) -> int:
    count: int = records[0][1]
    return count


def _done(_rows: Rows, _write: Write, records: list[Record]) -> None:
    assert not records


_NOTHING_MADE: Final[list[Record]] = [(_MADE, 0)]
_READERS: Final[Mapping[type[Write], Callable[[Rows, Any, list[Record]], Any]]] = {
    Insert: _opened,
    Change: _changed,
    AddReason: _done,
    SaveSession: _done,
    Claim: _claimed,
    RenewLease: _done,
    ReleaseOrphans: _counted,
    Prune: _counted,
    Import: _imported,
    CheckWritable: _done,
}
