"""Unfinished transfers of operators that leave: whose nobody ends, and how far those that retire have come.

A transfer is ended with its operator's settings, from the journal that these name. Without them it stays as it is.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

import structlog

from gateway.clock import Clock
from gateway.journal.interface import Journal, JournalUnavailable
from gateway.records import Direction, State, UnfinishedCount
from gateway.settings import OperatorSettings, Settings

LOOK_EVERY_S: Final = 5.0

CountedSince = Callable[[float], Mapping[str, list[UnfinishedCount]]]
"""The unfinished transfers of each journal that was counted since then (by the monotonic clock), by its name."""

log = structlog.get_logger(__name__)


def left_behind(journal: str, counts: Iterable[UnfinishedCount], settings: Settings) -> Iterator[UnfinishedCount]:
    """Those of this journal that nobody ends by these settings: their operator is not configured, or with another
    journal, or its payments are not."""
    for row in counts:
        operator = settings.operators.get(row.operator)
        if operator is None or operator.journal != journal or not _tells(row.direction, operator):
            yield row


def by_operator(counts: Iterable[UnfinishedCount]) -> dict[str, list[UnfinishedCount]]:
    """The counts of each operator, by its name."""
    found: dict[str, list[UnfinishedCount]] = {}
    for row in counts:
        found.setdefault(row.operator, []).append(row)
    return found


def states_text(counts: Iterable[UnfinishedCount]) -> str:
    """How many there are in each state: ``2 held, 1 parked``."""
    totals: Counter[State] = Counter()
    for row in counts:
        totals[row.state] += row.count
    return ", ".join(f"{totals[state]} {state.replace('_', ' ')}" for state in State if totals[state])


async def find_left_behind(journals: Mapping[str, Journal], old: Settings, new: Settings) -> list[str]:
    """Why a reload from `old` to `new` would leave transfers that nobody ends, one problem for each operator; empty if
    it leaves none. Only what the reload itself takes away counts: others may end what was missing before."""
    problems = []
    for name, journal in journals.items():
        leaving = {each for each in old.sharing(name) if _takes_away(each, old, new)}
        if not leaving:
            continue
        try:
            counts = await journal.count_unfinished(0.0)
        except JournalUnavailable as error:
            whose = ", ".join(f"operators.{each}" for each in sorted(leaving))
            problems.append(f"{whose}: what would be left unfinished cannot be counted now (journal {name}: {error})")
            continue
        for operator, rows in by_operator(left_behind(name, counts, new)).items():
            if operator in leaving:
                problems.append(_problem(operator, rows, new))
    return problems


class UnfinishedWatch:
    """Logs which unfinished transfers nobody ends, and how far retiring operators have come: each once for each
    configuration, and again when it has changed."""

    def __init__(self, counted_since: CountedSince, clock: Clock, settings: Settings) -> None:
        self._counted_since = counted_since
        self._clock = clock
        self.apply_settings(settings)

    def apply_settings(self, settings: Settings) -> None:
        """From now on these count. What was counted before says nothing of them."""
        self._settings = settings
        self._since = self._clock.monotonic()
        self._missing: set[tuple[str, ...]] = set()
        self._retiring: dict[str, bool] = {}

    async def run(self) -> None:
        """Looks every `LOOK_EVERY_S`, until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    def look(self) -> None:
        """Logs what is new."""
        missing: set[tuple[str, ...]] = set()
        for journal, counts in self._counted_since(self._since).items():
            for row in left_behind(journal, counts, self._settings):
                missing.add(self._warn(journal, row))
            self._tell_retiring(journal, by_operator(counts))
        self._missing = missing

    def _warn(self, journal: str, row: UnfinishedCount) -> tuple[str, ...]:
        kind = journal, row.operator, row.direction, row.state
        if kind not in self._missing:
            log.warning(
                "unfinished transfers of an operator that is not configured",
                operator=row.operator,
                direction=row.direction,
                state=row.state,
                transfers=row.count,
                journal=journal,
            )
        return kind

    def _tell_retiring(self, journal: str, counts: Mapping[str, list[UnfinishedCount]]) -> None:
        for name, operator in self._settings.sharing(journal).items():
            rows = counts.get(name, [])
            if operator.retiring and self._retiring.get(name) is not bool(rows):
                self._retiring[name] = bool(rows)
                if rows:
                    log.info("operator retiring", operator=name, unfinished=states_text(rows))
                else:
                    log.info("operator retiring: nothing of it is unfinished", operator=name)


def _tells(direction: Direction, operator: OperatorSettings) -> bool:
    """Whether somebody is told of ends in this direction."""
    return direction is not Direction.PAYMENT or operator.payment is not None


def _takes_away(operator: str, old: Settings, new: Settings) -> bool:
    """Whether it can end less than before."""
    after = new.operators.get(operator)
    return after is None or (after.payment is None and old.operators[operator].payment is not None)


def _problem(operator: str, rows: list[UnfinishedCount], new: Settings) -> str:
    if operator in new.operators:
        what, remedy = "payments", "keep `payment` until the game has acknowledged them"
    else:
        what, remedy = "transfers", "keep it with `retiring: true` until they have ended"
    return f"operators.{operator}: unfinished {what} would be left behind ({states_text(rows)}): {remedy}"
