"""Operators that a configuration puts into a journal where their transfers are not the true ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gateway.records import MovedOperator
from gateway.settings import Settings
from gateway.telemetry.audit import time_text


def misplaced(settings: Settings, marks: Mapping[str, Sequence[MovedOperator]]) -> Iterator[str]:
    """For each of these operators, what is wrong and what to do. `marks`: of each journal that was opened."""
    for journal, each in marks.items():
        here = settings.sharing(journal)
        for mark in each:
            if mark.operator in here:
                yield f"operators.{mark.operator}.journal: {_text(mark, journal)}"


def _text(mark: MovedOperator, journal: str) -> str:
    """Writing to the journal all the same would open transfers that nobody looks for, and send ended ones again."""
    name, other = mark.operator, mark.journal
    if mark.arriving:
        return (
            f"the copy of {name} from the journal {other} into {journal} has not finished, and what counts is still "
            f"in {other}; run it again (mm-gateway journal copy --operator {name} --from {other} --to {journal}), "
            f"or write journal: {other}"
        )
    return (
        f"the transfers of {name} are not in the journal {journal} any more: they moved to {other} at "
        f"{time_text(mark.at)}; write journal: {other}, or copy them back first (mm-gateway journal copy --operator "
        f"{name} --from {other} --to {journal})"
    )
