"""A batch of writes as the arguments of the function `journal_write`, and its answers as those of the writes.

The function takes one array of JSON objects per kind of write; a field that is null is left out of its object.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from operator import itemgetter
from typing import Any, Final

import msgspec

from gateway.journal.records import Attempt, Key, Reason, Transfer
from gateway.journal.rows import (
    ATTEMPT_COLUMNS,
    REASON_COLUMNS,
    TRANSFER_COLUMNS,
    Rows,
    of_attempt,
    of_key,
    of_money,
    of_reason,
)
from gateway.journal.texts import escaped
from gateway.journal.writes import (
    Beat,
    Change,
    Changed,
    Check,
    Claim,
    Import,
    Inherit,
    Note,
    Open,
    Opened,
    Prune,
    Remember,
    Write,
)

_KINDS: Final = (
    "opens", "changes", "attempts", "reasons", "sessions", "beats", "inherits", "claims", "prunes", "checks",
)  # fmt: skip
_MADE: Final = -1  # the place at which is answered how many opens made their row
_FIRST_COLUMN: Final = 2
_LAST_COLUMN: Final = _FIRST_COLUMN + len(TRANSFER_COLUMNS)
_SESSION: Final = TRANSFER_COLUMNS.index("session")
_OPTIONAL: Final = ("fence", "due_at", "owner", "wants", "decided_at", "fate", "missing_at")

Record = Sequence[Any]
Ordered = tuple[Any, dict[str, Any]]


def key_of(write: Write) -> Key | None:
    """The transfer that a write is about; no batch may hold two writes about one."""
    if isinstance(write, Change | Note):
        return write.key
    if isinstance(write, Open):
        return write.transfer.key
    return write.timeline.transfer.key if isinstance(write, Import) else None


class Arguments:
    """The arguments that a batch becomes. Every array is in the order of its keys, which is the order of locks."""

    def __init__(self, rows: Rows, writes: Sequence[Write]) -> None:
        self._rows = rows
        self._arrays: dict[str, list[Ordered]] = {}
        adders: dict[type[Write], Callable[[int, Any], None]] = {
            Open: self._open,
            Change: self._change,
            Note: self._note,
            Remember: self._remember,
            Claim: self._claim,
            Beat: self._beat,
            Inherit: self._inherit,
            Prune: self._prune,
            Import: self._import,
            Check: self._check,
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
        return msgspec.json.encode([fields for _, fields in objects]).decode()

    def _add(self, kind: str, order: Any, fields: dict[str, Any]) -> None:
        self._arrays.setdefault(kind, []).append((order, fields))

    def _open(self, place: int, write: Open) -> None:
        key = self._transfer(place, write.transfer)
        if write.reason is not None:
            self._reason(key, write.reason, in_any_case=False)

    def _import(self, place: int, write: Import) -> None:
        timeline = write.timeline
        key = self._transfer(place, timeline.transfer)
        for attempt in timeline.attempts:
            self._attempt(key, attempt, in_any_case=False)
        for reason in timeline.reasons:
            self._reason(key, reason, in_any_case=False)

    def _transfer(self, place: int, transfer: Transfer) -> tuple[str, ...]:
        row = self._rows.of_transfer(transfer)
        fields = {name: value for name, value in zip(TRANSFER_COLUMNS, row, strict=True) if value is not None}
        fields["place"] = place
        fields["session"] = _bytes(row[_SESSION])
        self._add("opens", row[:3], fields)
        return row[:3]

    def _change(self, place: int, write: Change) -> None:
        key = id_, operator, direction = of_key(write.key)
        fields = {
            "place": place,
            "id": id_,
            "operator": operator,
            "direction": direction,
            "allowed": write.allowed,
            "state": write.to,
            "at": write.at,
            "tries": write.tries,
        }
        for name in _OPTIONAL:
            value = getattr(write, name)
            if value is not None:
                fields[name] = value
        for name, currency, amount in (
            ("amount", "currency", write.amount),
            ("hold_balance", "hold_currency", write.hold_balance),
            ("end_balance", "end_currency", write.end_balance),
        ):
            if amount is not None:
                fields[name], fields[currency] = of_money(amount)
        if write.session is not None:
            fields["player_id"] = escaped(write.session.player_id)
            fields["session"] = _bytes(self._rows.of_session(write.session))
        self._add("changes", key, fields)
        if write.attempt is not None:
            self._attempt(key, write.attempt, in_any_case=True)
        if write.reason is not None:
            self._reason(key, write.reason, in_any_case=False)

    def _note(self, _place: int, write: Note) -> None:
        self._reason(of_key(write.key), write.reason, in_any_case=True)

    def _attempt(self, key: tuple[str, ...], attempt: Attempt, *, in_any_case: bool) -> None:
        fields = dict(zip(ATTEMPT_COLUMNS, of_attempt(attempt), strict=True))
        self._belonging("attempts", key, fields, in_any_case=in_any_case)

    def _reason(self, key: tuple[str, ...], reason: Reason, *, in_any_case: bool) -> None:
        fields = dict(zip(REASON_COLUMNS, of_reason(reason), strict=True))
        fields["folded"] = escaped(reason.text.casefold())
        self._belonging("reasons", key, fields, in_any_case=in_any_case)

    def _belonging(self, kind: str, key: tuple[str, ...], fields: dict[str, Any], *, in_any_case: bool) -> None:
        """What belongs to a transfer: kept only if this batch writes that, or `in_any_case`."""
        fields["id"], fields["operator"], fields["direction"] = key
        fields["in_any_case"] = in_any_case
        self._add(kind, key, fields)

    def _remember(self, _place: int, write: Remember) -> None:
        session = write.session
        digest = _bytes(self._rows.digest(session))
        order = (digest, session.operator)
        fields = {
            "digest": digest,
            "operator": session.operator,
            "player_id": escaped(session.player_id),
            "session": _bytes(self._rows.of_session(session)),
            "seen_at": write.at,
        }
        self._last("sessions", order, fields)

    def _beat(self, _place: int, write: Beat) -> None:
        instance = write.instance
        self._last("beats", instance.id, msgspec.structs.asdict(instance))

    def _last(self, kind: str, order: Any, fields: dict[str, Any]) -> None:
        """Of several writes under one key only the last counts."""
        earlier = self._arrays.get(kind, [])
        self._arrays[kind] = [entry for entry in earlier if entry[0] != order] + [(order, fields)]

    def _inherit(self, place: int, write: Inherit) -> None:
        now = write.now if isfinite(write.now) else "Infinity"
        self._add("inherits", place, {"place": place, "now": now})

    def _claim(self, place: int, write: Claim) -> None:
        self._add("claims", place, {"place": place, **msgspec.structs.asdict(write)})

    def _prune(self, place: int, write: Prune) -> None:
        self._add("prunes", place, {"place": place, **msgspec.structs.asdict(write)})

    def _check(self, place: int, _write: Check) -> None:
        self._add("checks", place, {})


def answers(rows: Rows, writes: Sequence[Write], records: Sequence[Record]) -> list[Any]:
    """The answer to each write, from what the function returned."""
    found: dict[int, list[Record]] = {}
    for record in records:
        found.setdefault(record[0], []).append(record)
    made = found.pop(_MADE, _NOTHING_MADE)
    given = [_READERS[type(write)](rows, write, found.get(place, [])) for place, write in enumerate(writes)]
    assert made[0][1] == sum(isinstance(answer, Opened) and answer.created for answer in given)
    return given


def transfer_of(rows: Rows, record: Record) -> Transfer:
    """The transfer in a record of the type `journal_answer`."""
    return rows.transfer(record[_FIRST_COLUMN:_LAST_COLUMN])


def _opened(rows: Rows, write: Open, records: list[Record]) -> Opened:
    return Opened(transfer_of(rows, records[0]), created=False) if records else Opened(write.transfer, created=True)


def _imported(rows: Rows, write: Import, records: list[Record]) -> Opened:
    return _opened(rows, Open(transfer=write.timeline.transfer), records)


def _changed(rows: Rows, _write: Change, records: list[Record]) -> Changed:
    record = records[0]
    transfer = None if record[_FIRST_COLUMN] is None else transfer_of(rows, record)
    return Changed(transfer, moved=record[1] == 1)


def _claimed(rows: Rows, _write: Claim, records: list[Record]) -> list[Transfer]:
    return [transfer_of(rows, record) for record in records]


def _counted(_rows: Rows, _write: Inherit | Prune, records: list[Record]) -> int:
    count: int = records[0][1]
    return count


def _done(_rows: Rows, _write: Write, records: list[Record]) -> None:
    assert not records


def _bytes(value: bytes) -> str:
    """As PostgreSQL reads them from text."""
    return "\\x" + value.hex()


_NOTHING_MADE: Final[list[Record]] = [(_MADE, 0)]
_READERS: Final[Mapping[type[Write], Callable[[Rows, Any, list[Record]], Any]]] = {
    Open: _opened,
    Change: _changed,
    Note: _done,
    Remember: _done,
    Claim: _claimed,
    Beat: _done,
    Inherit: _counted,
    Prune: _counted,
    Import: _imported,
    Check: _done,
}
