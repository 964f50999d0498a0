"""The SQL of lists: what a filter leaves open does not stand in the statement."""

from __future__ import annotations

from typing import Any

from gateway.journal.interface import ReasonFilter, TransferFilter
from gateway.journal.postgres.statements import SQL
from gateway.journal.text_escaping import escaped
from gateway.records import FINAL

Query = tuple[str, list[Any]]


class _Conditions:
    """Conditions joined by AND, and the values of their parameters."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self.values: list[Any] = []

    def add(self, text: str, value: Any) -> None:
        """Adds the condition, in which `$` stands for the value; nothing if the value is None."""
        if value is not None:
            self._texts.append(text.replace("$", self.parameter(value)))

    def add_text(self, text: str, value: str | None) -> None:
        """The same for a text as it is kept."""
        self.add(text, None if value is None else escaped(value))

    def parameter(self, value: Any) -> str:
        self.values.append(value)
        return f"${len(self.values)}"

    def __str__(self) -> str:
        return " AND ".join(self._texts) or "true"


def transfers(where: TransferFilter, limit: int, offset: int) -> Query:
    """Newest first. What asks for unfinished transfers alone is answered from their index."""
    given = _Conditions()
    given.add_text("id = $", where.id)
    given.add_text("operator = $", where.operator)
    given.add("direction = $", where.direction)
    given.add_text("player_id = $", where.player_id)
    given.add("wants = $", where.wants)
    given.add("opened_at >= $", where.since)
    given.add("opened_at < $", where.until)
    given.add("changed_at < $", where.changed_before)
    given.add("due_at > $", where.due_after)
    given.add("(owner IS NOT NULL) = $", where.owned)
    given.add("state = ANY ($::text[])", where.states or None)
    unfinished = where.states and not set(where.states) & set(FINAL)
    return _page("list_unfinished" if unfinished else "list_transfers", given, limit, offset)


def reasons(where: ReasonFilter, limit: int, offset: int) -> Query:
    """Newest first, each after its transfer's key."""
    return _page("list_reasons", _of_reasons(where), limit, offset)


def reason_totals(where: ReasonFilter) -> Query:
    """How many there are by operator, source and category."""
    given = _of_reasons(where)
    return SQL["total_reasons"].format(where=given), given.values


def _page(name: str, given: _Conditions, limit: int, offset: int) -> Query:
    page = f"LIMIT {given.parameter(limit)} OFFSET {given.parameter(offset)}"
    return SQL[name].format(where=given, page=page), given.values


def _of_reasons(where: ReasonFilter) -> _Conditions:
    given = _Conditions()
    given.add_text("operator = $", where.operator)
    given.add("source = $", where.source)
    given.add_text("category = $", where.category)
    given.add_text("strpos(folded, $) > 0", where.text and where.text.casefold())
    given.add("at >= $", where.since)
    given.add("at < $", where.until)
    return given
