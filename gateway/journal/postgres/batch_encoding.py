"""A batch of writes as the arguments of the SQL function `journal_write`, and its records as the writes' answers.

The function (in the newest migration) takes one JSON array for each kind of write, and answers with records of the type
`journal_answer`. Members that are null are left out; bytes are in base64. `place` is a write's index in its batch.
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
    of_memory,
    of_money,
    of_reason,
    of_text,
)
from gateway.journal.text_escaping import escape
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

# The function's parameters, by their names and in their order; the first parameter, `lock_timeout`, is the writer's.
_KINDS: Final = (
    "opens", "changes", "attempts", "reasons", "notes", "sessions", "beats", "inherits", "claims", "prunes", "checks",
)  # fmt: skip
_INSERTED_PLACE: Final = -1  # the place of the record that counts the inserted rows
_FIRST_COLUMN: Final = 2
_LAST_COLUMN: Final = _FIRST_COLUMN + len(TRANSFER_COLUMNS)
_OPTIONAL_OF_CHANGE: Final = (
    "fence", "amount", "currency", "due_at", "owner", "wants", "decided_at", "fate", "missing_at", "hold_balance",
    "hold_currency", "end_balance", "end_currency", "rollback_reason", "player_id", "session", "spare_session",
    "memory",
)  # fmt: skip

Record = Sequence[Any]
Ordered = tuple[Any, object]


def _define(name: str, required: Sequence[str], optional: Sequence[str] = ()) -> Callable[..., object]:
    """The constructor of a JSON object, with its members' values in this order. An optional one that is None is left
    out."""
    # A struct, since msgspec makes and encodes one faster than a dictionary. gc=False: it can be in no reference cycle.
    fields: list[Any] = [*((field, Any) for field in required), *((field, Any, None) for field in optional)]
    return msgspec.defstruct(name, fields, omit_defaults=True, gc=False)


_KEY: Final = ("id", "operator", "direction")
_Insert: Final = _define("_Insert", ["place"], TRANSFER_COLUMNS)
_Change: Final = _define("_Change", ("place", *_KEY, "allowed", "state", "at", "tries"), _OPTIONAL_OF_CHANGE)
_Attempt: Final = _define("_Attempt", (*_KEY, "in_any_case", *ATTEMPT_COLUMNS))
_Reason: Final = _define("_Reason", (*_KEY, "folded", *REASON_COLUMNS))
_Session: Final = _define("_Session", ("digest", "operator", "player_id", "session", "seen_at"))

_encode: Final = msgspec.json.Encoder().encode


def key_of(write: Write) -> Key | None:
    """The transfer that a write is about, None for a write about many or none. No batch may hold two of one
    transfer."""
    if isinstance(write, Change | AddReason):
        return write.key
    if isinstance(write, Insert):
        return write.transfer.key
    return write.timeline.transfer.key if isinstance(write, Import) else None


class Arguments:
    """The arguments for one batch."""

    def __init__(self, rows: Rows, writes: Sequence[Write]) -> None:
        self._rows = rows
        self._arrays: dict[str, list[Ordered]] = {}
        adders: dict[type[Write], Callable[[int, Any], None]] = {
            Insert: self._add_insert,
            Change: self._add_change,
            AddReason: self._add_note,
            SaveSession: self._add_session,
            Claim: self._add_claim,
            RenewLease: self._add_lease,
            ReleaseOrphans: self._add_release,
            Prune: self._add_prune,
            Import: self._add_import,
            CheckWritable: self._add_check,
        }
        for place, write in enumerate(writes):
            adders[type(write)](place, write)

    def values(self) -> list[str | None]:
        """JSON texts in the order of the function's parameters, None for a kind of which the batch has none."""
        return [self._encode_array(kind) for kind in _KINDS]

    def _encode_array(self, kind: str) -> str | None:
        objects = self._arrays.get(kind)
        if objects is None:
            return None
        # By key, which is the order in which the function locks rows: two batches never wait for each other in a circle
        # (tests/integration/journal/postgres/test_contention.py).
        objects.sort(key=itemgetter(0))
        return _encode([fields for _, fields in objects]).decode()

    def _add(self, kind: str, order: Any, fields: object) -> None:
        self._arrays.setdefault(kind, []).append((order, fields))

    def _add_insert(self, place: int, write: Insert) -> None:
        key = self._add_transfer(place, write.transfer)
        if write.reason is not None:
            self._add_reason(key, write.reason)

    def _add_import(self, place: int, write: Import) -> None:
        timeline = write.timeline
        key = self._add_transfer(place, timeline.transfer)
        for attempt in timeline.attempts:
            self._add_attempt(key, attempt, in_any_case=False)
        for reason in timeline.reasons:
            self._add_reason(key, reason)

    def _add_transfer(self, place: int, transfer: Transfer) -> tuple[str, ...]:
        row = self._rows.of_transfer(transfer)
        self._add("opens", row[:3], _Insert(place, *row))
        return row[:3]

    def _add_change(self, place: int, write: Change) -> None:
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
            None if session is None else escape(session.player_id) or None,
            None if session is None else self._rows.of_session(session),
            None if session is None else self._rows.of_spare(write.spare_session),
            None if write.memory is None else of_memory(write.memory),
        )
        self._add("changes", key, fields)
        if write.attempt is not None:
            self._add_attempt(key, write.attempt, in_any_case=True)
        if write.reason is not None:
            self._add_reason(key, write.reason)

    def _add_note(self, _place: int, write: AddReason) -> None:
        self._add_reason(of_key(write.key), write.reason, "notes")

    def _add_attempt(self, key: tuple[str, ...], attempt: Attempt, *, in_any_case: bool) -> None:
        self._add("attempts", key, _Attempt(*key, in_any_case, *of_attempt(attempt)))

    def _add_reason(self, key: tuple[str, ...], reason: Reason, kind: str = "reasons") -> None:
        # Folded here, since what PostgreSQL's lower() does depends on the server's locale.
        folded = escape(reason.text.casefold())
        self._add(kind, key, _Reason(*key, folded, *of_reason(reason)))

    def _add_session(self, _place: int, write: SaveSession) -> None:
        session = write.session
        digest, operator = self._rows.digest(session), session.operator
        sealed = self._rows.of_session(session)
        self._add_latest(
            "sessions", (digest, operator), _Session(digest, operator, escape(session.player_id), sealed, write.at)
        )

    def _add_lease(self, _place: int, write: RenewLease) -> None:
        self._add_latest("beats", write.instance.id, write.instance)

    def _add_latest(self, kind: str, order: Any, fields: object) -> None:
        """Adds an object in place of an earlier one with the same key."""
        # The last one counts, and an INSERT … ON CONFLICT DO UPDATE may not meet a row twice
        # (PostgreSQL manual, page INSERT, "ON CONFLICT Clause").
        earlier = self._arrays.get(kind, [])
        self._arrays[kind] = [entry for entry in earlier if entry[0] != order] + [(order, fields)]

    def _add_release(self, place: int, write: ReleaseOrphans) -> None:
        now = write.now if isfinite(write.now) else "Infinity"  # JSON has no number for it, PostgreSQL reads this text
        self._add("inherits", place, {"place": place, "now": now})

    def _add_claim(self, place: int, write: Claim) -> None:
        self._add("claims", place, {"place": place, **msgspec.structs.asdict(write)})

    def _add_prune(self, place: int, write: Prune) -> None:
        self._add("prunes", place, {"place": place, **msgspec.structs.asdict(write)})

    def _add_check(self, place: int, _write: CheckWritable) -> None:
        self._add("checks", place, {})


def read_answers(rows: Rows, writes: Sequence[Write], records: Sequence[Record]) -> list[Any]:
    """The answer to each write, from the function's records."""
    by_place: dict[int, list[Record]] = {}
    for record in records:
        by_place.setdefault(record[0], []).append(record)
    inserted = by_place.pop(_INSERTED_PLACE, _NONE_INSERTED)
    answers = [_READERS[type(write)](rows, write, by_place.get(place, [])) for place, write in enumerate(writes)]
    # An insert without a record of its own counts as created. That this holds for as many as the server has inserted is
    # checked, since a wrong yes would send a withdraw twice.
    assert inserted[0][1] == sum(isinstance(answer, Inserted) and answer.created for answer in answers)
    return answers


def _read_transfer(rows: Rows, record: Record) -> Transfer:
    return rows.transfer(record[_FIRST_COLUMN:_LAST_COLUMN])


def _read_insert(rows: Rows, write: Insert, records: list[Record]) -> Inserted:
    return _read_inserted(rows, write.transfer, records)


def _read_import(rows: Rows, write: Import, records: list[Record]) -> Inserted:
    return _read_inserted(rows, write.timeline.transfer, records)


def _read_inserted(rows: Rows, transfer: Transfer, records: list[Record]) -> Inserted:
    if records:
        return Inserted(_read_transfer(rows, records[0]), created=False)
    return Inserted(transfer, created=True)


def _read_change(rows: Rows, write: Change, records: list[Record]) -> Changed:
    record = records[0]
    moved = record[1] == 1
    if moved and write.found is not None:
        # Computed, not read: reading would have to open the sealed session. That both come to the same is held by
        # tests/integration/journal/test_change_cases.py.
        return Changed(apply_change(write.found, write), moved=True)
    return Changed(None if record[_FIRST_COLUMN] is None else _read_transfer(rows, record), moved=moved)


def _read_claim(rows: Rows, _write: Claim, records: list[Record]) -> list[Transfer]:
    return [_read_transfer(rows, record) for record in records]


def _read_count(_rows: Rows, _write: ReleaseOrphans | Prune, records: list[Record]) -> int:
    count: int = records[0][1]
    return count


def _read_nothing(_rows: Rows, _write: Write, records: list[Record]) -> None:
    assert not records


_NONE_INSERTED: Final[list[Record]] = [(_INSERTED_PLACE, 0)]
_READERS: Final[Mapping[type[Write], Callable[[Rows, Any, list[Record]], Any]]] = {
    Insert: _read_insert,
    Change: _read_change,
    AddReason: _read_nothing,
    SaveSession: _read_nothing,
    Claim: _read_claim,
    RenewLease: _read_nothing,
    ReleaseOrphans: _read_count,
    Prune: _read_count,
    Import: _read_import,
    CheckWritable: _read_nothing,
}
