"""The statements of lists, with a condition for each field that the filter names."""

from __future__ import annotations

from typing import Any

from gateway.journal.interface import Position, ReasonFilter, TransferFilter
from gateway.journal.rows import of_key
from gateway.journal.sqlite.statements import SQL, UNFINISHED
from gateway.journal.statements import parameters
from gateway.journal.text_escaping import escape

Query = tuple[str, tuple[Any, ...]]
Condition = tuple[str, tuple[Any, ...]]


def transfers(where: TransferFilter, limit: int, after: Position | None) -> Query:
    """Newest first."""
    text, values = _join([*_transfer_conditions(where), _position("opened_at", "transfers.number", after)])
    statement = SQL["list_unfinished" if _is_unfinished(where) else "list_transfers"]
    return statement.format(where=text, index=_index(where)), (*values, limit)


def transfer_count(where: TransferFilter) -> Query:
    """How many transfers there are."""
    text, values = _join(_transfer_conditions(where))
    statement = SQL["count_those_unfinished" if _is_unfinished(where) else "count_transfers"]
    return statement.format(where=text), values


def reasons(where: ReasonFilter, limit: int, after: Position | None) -> Query:
    """Newest first; each row begins with the columns of the transfer's key and the reason's number."""
    text, values = _join([*_reason_conditions(where), _position("at", "rollback_reasons.number", after)])
    return SQL["list_reasons"].format(where=text, tables=_tables(where)), (*values, limit)


def reason_count(where: ReasonFilter) -> Query:
    """How many reasons there are."""
    return _all_reasons("count_listed_reasons", where)


def reason_totals(where: ReasonFilter) -> Query:
    """How often reasons were given, by operator, source and category."""
    return _all_reasons("count_reasons", where)


def _all_reasons(name: str, where: ReasonFilter) -> Query:
    text, values = _join(_reason_conditions(where))
    return SQL[name].format(where=text, tables=_tables(where)), values


def _is_unfinished(where: TransferFilter) -> bool:
    # The partial index of unfinished transfers serves whatever asks for those alone: the finished may be millions. With
    # an id the key's index is better still.
    return where.id is None and bool(where.states) and set(where.states) <= set(UNFINISHED)


def _index(where: TransferFilter) -> str:
    """What a list of transfers in any state is read by."""
    if where.id is not None:
        return "transfers_key"
    return "transfers_opened" if where.player_id is None else "transfers_by_player"


def _tables(where: ReasonFilter) -> str:
    """Both tables; the one that is read first stands first."""
    if where.player_id is None:
        by_time = "rollback_reasons INDEXED BY rollback_reasons_at"
        return f"{by_time} CROSS JOIN transfers ON transfers.number = rollback_reasons.transfer"
    return "transfers CROSS JOIN rollback_reasons ON rollback_reasons.transfer = transfers.number"


def _transfer_conditions(where: TransferFilter) -> list[Condition]:
    return [
        ("operator = ?", _text_parameter(where.operator)),
        ("direction = ?", _parameter(where.direction)),
        ("id = ?", _text_parameter(where.id)),
        ("player_id = ?", _text_parameter(where.player_id)),
        ("wants = ?", _parameter(where.wants)),
        ("opened_at >= ?", _parameter(where.since)),
        ("opened_at < ?", _parameter(where.until)),
        ("changed_at < ?", _parameter(where.changed_before)),
        ("due_at > ?", _parameter(where.due_after)),
        ("(owner IS NOT NULL) = ?", _parameter(where.owned)),
        (f"state IN ({parameters(where.states)})", where.states),
    ]


def _reason_conditions(where: ReasonFilter) -> list[Condition]:
    return [
        ("operator = ?", _text_parameter(where.operator)),
        ("source = ?", _parameter(where.source)),
        ("category = ?", _text_parameter(where.category)),
        ("contains_text(text, ?)", _text_parameter(where.text and where.text.casefold())),
        ("player_id = ?", _text_parameter(where.player_id)),
        ("at >= ?", _parameter(where.since)),
        ("at < ?", _parameter(where.until)),
    ]


def _position(time: str, number: str, after: Position | None) -> Condition:
    """That a row comes after the position, in a list in the order of the column `time`."""
    values = () if after is None else (after.at, *of_key(after.key), after.number)
    return f"({time}, id, operator, direction, {number}) < ({parameters(values)})", values


def _text_parameter(value: str | None) -> tuple[str, ...]:
    return () if value is None else (escape(value),)


def _parameter(value: Any) -> tuple[Any, ...]:
    return () if value is None else (value,)


def _join(conditions: list[Condition]) -> Query:
    """The conditions that have a value, joined by AND, and the values."""
    kept = [(condition, values) for condition, values in conditions if values]
    text = " AND ".join(condition for condition, _ in kept)
    return text or "true", tuple(value for _, values in kept for value in values)
