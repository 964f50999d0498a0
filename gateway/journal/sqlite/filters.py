"""The SQL of lists: what a filter leaves open does not stand in the statement."""

from __future__ import annotations

from typing import Any

from gateway.journal.interface import ReasonFilter, TransferFilter
from gateway.journal.sqlite.statements import SQL, UNFINISHED, marks
from gateway.journal.text_escaping import escaped

Query = tuple[str, tuple[Any, ...]]


def transfers(where: TransferFilter, limit: int, offset: int) -> Query:
    """Newest first. What asks for unfinished transfers alone is answered from them alone."""
    conditions: list[tuple[str, tuple[Any, ...]]] = [
        ("operator = ?", _text(where.operator)),
        ("direction = ?", _given(where.direction)),
        ("id = ?", _text(where.id)),
        ("player_id = ?", _text(where.player_id)),
        ("wants = ?", _given(where.wants)),
        ("opened_at >= ?", _given(where.since)),
        ("opened_at < ?", _given(where.until)),
        ("changed_at < ?", _given(where.changed_before)),
        ("due_at > ?", _given(where.due_after)),
        ("(owner IS NOT NULL) = ?", _given(where.owned)),
        (f"state IN ({marks(where.states)})", where.states),
    ]
    narrowed, values = _narrowed(conditions)
    unfinished = where.id is None and where.states and set(where.states) <= set(UNFINISHED)
    statement = SQL["list_unfinished" if unfinished else "list_transfers"]
    return statement.format(where=narrowed), (*values, limit, offset)


def reasons(where: ReasonFilter, limit: int, offset: int) -> Query:
    """Newest first, each after the columns of its transfer's key."""
    narrowed, values = _narrowed(_of_reasons(where))
    return SQL["list_reasons"].format(where=narrowed), (*values, limit, offset)


def reason_totals(where: ReasonFilter) -> Query:
    """How many reasons there are by operator, source and category."""
    narrowed, values = _narrowed(_of_reasons(where))
    return SQL["total_reasons"].format(where=narrowed), values


def _of_reasons(where: ReasonFilter) -> list[tuple[str, tuple[Any, ...]]]:
    return [
        ("operator = ?", _text(where.operator)),
        ("source = ?", _given(where.source)),
        ("category = ?", _text(where.category)),
        ("contains_text(text, ?)", _text(where.text and where.text.casefold())),
        ("at >= ?", _given(where.since)),
        ("at < ?", _given(where.until)),
    ]


def _text(value: str | None) -> tuple[str, ...]:
    return () if value is None else (escaped(value),)


def _given(value: Any) -> tuple[Any, ...]:
    return () if value is None else (value,)


def _narrowed(conditions: list[tuple[str, tuple[Any, ...]]]) -> Query:
    kept = [(condition, values) for condition, values in conditions if values]
    text = " AND ".join(condition for condition, _ in kept)
    return text or "true", tuple(value for _, values in kept for value in values)
