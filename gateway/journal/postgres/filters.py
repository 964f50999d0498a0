"""The statements of lists, with a condition for each field that the filter names."""

from __future__ import annotations

from typing import Any

from gateway.journal.interface import ReasonFilter, TransferFilter
from gateway.journal.postgres.statements import SQL
from gateway.journal.text_escaping import escape
from gateway.records import FINAL

Query = tuple[str, list[Any]]


class _Conditions:
    """Conditions joined by AND, and the values of their parameters."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self.values: list[Any] = []

    def add(self, text: str, value: Any) -> None:
        """Adds a condition, in which `$` stands for the value. Adds nothing if the value is None."""
        if value is not None:
            self._texts.append(text.replace("$", self.parameter(value)))

    def add_text(self, text: str, value: str | None) -> None:
        """As `add`, for a text that the database holds escaped."""
        self.add(text, None if value is None else escape(value))

    def parameter(self, value: Any) -> str:
        """Adds a value without a condition. Returns its parameter."""
        self.values.append(value)
        return f"${len(self.values)}"

    def __str__(self) -> str:
        return " AND ".join(self._texts) or "true"


def transfers(where: TransferFilter, limit: int, offset: int) -> Query:
    """Newest first."""
    conditions = _Conditions()
    conditions.add_text("id = $", where.id)
    conditions.add_text("operator = $", where.operator)
    conditions.add("direction = $", where.direction)
    conditions.add_text("player_id = $", where.player_id)
    conditions.add("wants = $", where.wants)
    conditions.add("opened_at >= $", where.since)
    conditions.add("opened_at < $", where.until)
    conditions.add("changed_at < $", where.changed_before)
    conditions.add("due_at > $", where.due_after)
    conditions.add("(owner IS NOT NULL) = $", where.owned)
    conditions.add("state = ANY ($::text[])", where.states or None)
    # The partial index of unfinished transfers serves whatever asks for those alone: the finished may be millions.
    unfinished = where.states and not set(where.states) & set(FINAL)
    return _page("list_unfinished" if unfinished else "list_transfers", conditions, limit, offset)


def reasons(where: ReasonFilter, limit: int, offset: int) -> Query:
    """Newest first; each row begins with the columns of the transfer's key."""
    return _page("list_reasons", _reason_conditions(where), limit, offset)


def reason_totals(where: ReasonFilter) -> Query:
    """How many reasons there are, by operator, source and category."""
    conditions = _reason_conditions(where)
    return SQL["count_reasons"].format(where=conditions), conditions.values


def _page(name: str, conditions: _Conditions, limit: int, offset: int) -> Query:
    page = f"LIMIT {conditions.parameter(limit)} OFFSET {conditions.parameter(offset)}"
    return SQL[name].format(where=conditions, page=page), conditions.values


def _reason_conditions(where: ReasonFilter) -> _Conditions:
    conditions = _Conditions()
    conditions.add_text("operator = $", where.operator)
    conditions.add("source = $", where.source)
    conditions.add_text("category = $", where.category)
    conditions.add_text("strpos(folded, $) > 0", where.text and where.text.casefold())
    conditions.add("at >= $", where.since)
    conditions.add("at < $", where.until)
    return conditions
