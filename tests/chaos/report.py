"""What came of a play, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from gateway.records import QueriedState, State
from tests.chaos.audit import key_of
from tests.chaos.audit_around import Around
from tests.chaos.play import Played

SHOWN: Final = 20
"""Failures of one promise that are printed; the rest are counted."""


def lines(played: Played) -> Iterator[str]:
    """Tables of what became of the transfers, the payments and the operators' questions, and of what happened to the
    gateways, then promise by promise."""
    yield from _table(played)
    yield ""
    yield from _payments(played.evidence.around)
    yield ""
    yield from _questions(played.evidence.around)
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
    told, around = played.evidence.told, played.evidence.around
    return (
        f"make chaos: {verdict}; {len(told)} transfers, {len(around.payments)} payments and {len(around.asked)} "
        f"questions over {played.sizes.instances} gateways in {played.play_s:.0f} s "
        f"({len(told) / played.play_s:.0f}/s), at rest {played.rest_s:.0f} s later (seed {played.sizes.seed})"
    )


def _table(played: Played) -> Iterator[str]:
    """By operator: how the transfers ended."""
    columns = ("operator", "played", "200", "confirmed", "rolled back", "nothing sent", "were parked")
    yield _row(*columns)
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
        yield _row(operator, *counts)


def _payments(around: Around) -> Iterator[str]:
    """By operator: what became of the callbacks, and what the game was told."""
    yield _row("operator", "callbacks", "acknowledged", "refused", "unanswered", "paid", "notices", "goods", "parked")
    for operator, shop in around.shops.items():
        own = [each for each in around.callbacks if each.key.operator == operator]
        acknowledged, refused = sum(each.acknowledged for each in own), sum(each.refused for each in own)
        yield _row(
            operator,
            len(own),
            acknowledged,
            refused,
            len(own) - acknowledged - refused,
            sum(key.operator == operator for key in around.payments),
            sum(map(len, shop.bodies.values())),
            shop.goods.total(),
            around.parked.get(operator, 0),
        )


def _questions(around: Around) -> Iterator[str]:
    """By operator: how its questions were answered during the play, and how many each of the gateways answered after
    it."""
    yield _row("operator", "questions", *(state.lower() for state in QueriedState), "unanswered", "at rest")
    for operator in around.shops:
        states = Counter(each.state for each in around.asked if each.key.operator == operator)
        at_rest = sum(each.key.operator == operator for each in around.at_rest)
        yield _row(operator, states.total(), *(states[state] for state in (*QueriedState, "")), at_rest)


def _row(*cells: object) -> str:
    return "".join(f"{cell!s:>14}" for cell in cells)
