"""What came of a play, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from gateway.records import State
from tests.chaos.audit import key_of
from tests.chaos.play import Played

SHOWN: Final = 20
"""Failures of one promise that are printed; the rest are counted."""


def lines(played: Played) -> Iterator[str]:
    """Tables of what became of the transfers and of what happened to the gateways, then promise by promise."""
    yield from _table(played)
    yield ""
    for name, count in sorted(played.happened.items()):
        yield f"{count:7}  {name}"
    yield ""
    for check in played.checks:
        yield f"{'kept  ' if not check.failures else 'BROKEN'}  {check.text}"
        yield from (f"        - {failure}" for failure in check.failures[:SHOWN])
        if len(check.failures) > SHOWN:
            yield f"        … and {len(check.failures) - SHOWN} more"
    yield ""


def summary(played: Played) -> str:
    """The last line."""
    broken = sum(bool(check.failures) for check in played.checks)
    verdict = f"{broken} of {len(played.checks)} promises BROKEN" if broken else "every promise kept"
    told = played.evidence.told
    return (
        f"make chaos: {verdict}; {len(told)} transfers over {played.sizes.instances} gateways in {played.play_s:.0f} s "
        f"({len(told) / played.play_s:.0f}/s), at rest {played.rest_s:.0f} s later (seed {played.sizes.seed})"
    )


def _table(played: Played) -> Iterator[str]:
    """By operator: how the transfers ended."""
    columns = ("operator", "played", "200", "confirmed", "rolled back", "nothing sent", "were parked")
    yield "".join(f"{column:>14}" for column in columns)
    ended: Counter[tuple[str, str]] = Counter()
    for told in played.evidence.told:
        transfer = played.evidence.transfers.get(key_of(told))
        ended[told.purchase.operator, "played"] += 1
        ended[told.purchase.operator, "200"] += told.held
        ended[told.purchase.operator, "nothing sent" if transfer is None else transfer.state] += 1
    for operator in played.evidence.ledgers:
        counts = (
            *(ended[operator, name] for name in ("played", "200", State.CONFIRMED, State.ROLLED_BACK, "nothing sent")),
            played.evidence.parked.get(operator, 0),
        )
        yield f"{operator:>14}" + "".join(f"{count:>14}" for count in counts)
