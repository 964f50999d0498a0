"""The statements of lists, with a condition for each field that the filter names."""

from __future__ import annotations

from typing import Any, Final

from gateway.journal.interface import Position, ReasonFilter, TransferFilter
from gateway.journal.postgres.statements import SQL
from gateway.journal.rows import of_key
from gateway.journal.text_escaping import escape
from gateway.records import FINAL

Query = tuple[str, list[Any]]

_OF_PLAYER: Final = "(id, operator, direction) IN (SELECT id, operator, direction FROM transfers WHERE player_id = $)"


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

    def add_position(self, time: str, after: Position | None) -> None:
        """Adds that a row comes after the position, in a list in the order of the column `time`."""
        if after is not None:
            values = map(self.parameter, (after.at, *of_key(after.key), after.number))
            self._texts.append(f"({time}, id, operator, direction, number) < ({', '.join(values)})")

    def parameter(self, value: Any) -> str:
        """Adds a value without a condition. Returns its parameter."""
        self.values.append(value)
        return f"${len(self.values)}"

    def __str__(self) -> str:
        return " AND ".join(self._texts) or "true"


def transfers(where: TransferFilter, limit: int, after: Position | None) -> Query:
    """Newest first."""
    conditions = _transfer_conditions(where)
    conditions.add_position("opened_at", after)
    # A list of one player's has the player in its order too, and within a range: from an equality the planner would see
    # that the order by time alone is the same, and might read everybody's transfers from the newest on, hoping that
    # many of them are that player's.
    name = "list_unfinished" if _is_unfinished(where) else "list_transfers"
    return _page(name, conditions, limit, "" if where.player_id is None else "player_id DESC, ")


def transfer_count(where: TransferFilter) -> Query:
    """How many transfers there are."""
    return _all("count_those_unfinished" if _is_unfinished(where) else "count_transfers", _transfer_conditions(where))


def reasons(where: ReasonFilter, limit: int, after: Position | None) -> Query:
    """Newest first; each row begins with the columns of the transfer's key and the reason's number."""
    conditions = _reason_conditions(where)
    conditions.add_position("at", after)
    return _page("list_reasons", conditions, limit)


def reason_count(where: ReasonFilter) -> Query:
    """How many reasons there are."""
    return _all("count_listed_reasons", _reason_conditions(where))


def reason_totals(where: ReasonFilter) -> Query:
    """How often reasons were given, by operator, source and category."""
    return _all("count_reasons", _reason_conditions(where))


def _page(name: str, conditions: _Conditions, limit: int, player: str = "") -> Query:
    last = conditions.parameter(limit)
    return SQL[name].format(where=conditions, player=player, limit=last), conditions.values


def _all(name: str, conditions: _Conditions) -> Query:
    return SQL[name].format(where=conditions), conditions.values


def _is_unfinished(where: TransferFilter) -> bool:
    # The partial index of unfinished transfers serves whatever asks for those alone: the finished may be millions.
    return bool(where.states) and not set(where.states) & set(FINAL)


def _transfer_conditions(where: TransferFilter) -> _Conditions:
    conditions = _Conditions()
    conditions.add_text("id = $", where.id)
    conditions.add_text("operator = $", where.operator)
    conditions.add("direction = $", where.direction)
    conditions.add_text("player_id BETWEEN $ AND $", where.player_id)
    conditions.add("wants = $", where.wants)
    conditions.add("opened_at >= $", where.since)
    conditions.add("opened_at < $", where.until)
    conditions.add("changed_at < $", where.changed_before)
    conditions.add("due_at > $", where.due_after)
    conditions.add("(owner IS NOT NULL) = $", where.owned)
    conditions.add("state = ANY ($::text[])", where.states or None)
    return conditions


def _reason_conditions(where: ReasonFilter) -> _Conditions:
    conditions = _Conditions()
    conditions.add_text("operator = $", where.operator)
    conditions.add("source = $", where.source)
    conditions.add_text("category = $", where.category)
    conditions.add_text("strpos(folded, $) > 0", where.text and where.text.casefold())
    conditions.add_text(_OF_PLAYER, where.player_id)
    conditions.add("at >= $", where.since)
    conditions.add("at < $", where.until)
    return conditions
