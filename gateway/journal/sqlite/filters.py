"""The statements of lists, with a condition for each field that the filter names."""

from __future__ import annotations

from typing import Any

from gateway.journal.interface import ReasonFilter, TransferFilter
from gateway.journal.sqlite.statements import SQL, UNFINISHED
from gateway.journal.statements import parameters
from gateway.journal.text_escaping import escape

Query = tuple[str, tuple[Any, ...]]


def transfers(where: TransferFilter, limit: int, offset: int) -> Query:
    """Newest first."""
    conditions: list[tuple[str, tuple[Any, ...]]] = [
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
    text, values = _join(conditions)
    # The partial index of unfinished transfers serves whatever asks for those alone: the finished may be millions. With
    # an id the key's index is better still.
    unfinished = where.id is None and where.states and set(where.states) <= set(UNFINISHED)
    statement = SQL["list_unfinished" if unfinished else "list_transfers"]
    return statement.format(where=text), (*values, limit, offset)


def reasons(where: ReasonFilter, limit: int, offset: int) -> Query:
    """Newest first; each row begins with the columns of the transfer's key."""
    text, values = _join(_reason_conditions(where))
    return SQL["list_reasons"].format(where=text), (*values, limit, offset)


def reason_totals(where: ReasonFilter) -> Query:
    """How many reasons there are, by operator, source and category."""
    text, values = _join(_reason_conditions(where))
    return SQL["count_reasons"].format(where=text), values


def _reason_conditions(where: ReasonFilter) -> list[tuple[str, tuple[Any, ...]]]:
    return [
        ("operator = ?", _text_parameter(where.operator)),
        ("source = ?", _parameter(where.source)),
        ("category = ?", _text_parameter(where.category)),
        ("contains_text(text, ?)", _text_parameter(where.text and where.text.casefold())),
        ("at >= ?", _parameter(where.since)),
        ("at < ?", _parameter(where.until)),
    ]


def _text_parameter(value: str | None) -> tuple[str, ...]:
    return () if value is None else (escape(value),)


def _parameter(value: Any) -> tuple[Any, ...]:
    return () if value is None else (value,)


def _join(conditions: list[tuple[str, tuple[Any, ...]]]) -> Query:
    """The conditions that have a value, joined by AND, and the values."""
    kept = [(condition, values) for condition, values in conditions if values]
    text = " AND ".join(condition for condition, _ in kept)
    return text or "true", tuple(value for _, values in kept for value in values)
