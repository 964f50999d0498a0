"""Series that several boards draw: the same names and colours everywhere."""

from __future__ import annotations

from typing import Final

from boards.colours import Colour
from boards.expressions import FAILED, OPERATOR, WAITING, or_zero, total, transfers, where
from boards.panel import Query, Step

CLEAR_NO: Final = f'{OPERATOR}, outcome!~"ok|{WAITING}|{FAILED}"'

ANSWERS: Final = (
    Query(or_zero(total("call_seconds_count", where(OPERATOR, outcome="ok"))), "ok"),
    Query(or_zero(total("call_seconds_count", CLEAR_NO)), "declined or refused"),
    Query(or_zero(total("call_seconds_count", where(OPERATOR, outcome=WAITING))), "recorded, will be delivered"),
    Query(or_zero(total("call_seconds_count", where(OPERATOR, outcome=FAILED))), "failed"),
)
ANSWER_COLOURS: Final = {
    "ok": Colour.OK,
    "declined or refused": Colour.DECLINED,
    "recorded, will be delivered": Colour.WAITING,
    "failed": Colour.FAILED,
}

VERDICT_COLOURS: Final = {
    "success": Colour.OK,
    "declined": Colour.DECLINED,
    "not_found": Colour.OTHER,
    "unsent": Colour.WAITING,
    "unknown": Colour.FAILED,
}
"""What a call to an operator came to."""

UNFINISHED: Final = (
    Query(transfers("sending|held"), "held, the game decides"),
    Query(transfers("confirming|rolling_back"), "being delivered"),
    Query(transfers("parked"), "parked"),
)
UNFINISHED_COLOURS: Final = {
    "held, the game decides": Colour.LOAD,
    "being delivered": Colour.WAITING,
    "parked": Colour.FAILED,
}

BREAKER_STATES: Final = {
    0: ("closed", Colour.OK),
    1: ("half open", Colour.WAITING),
    2: ("open", Colour.FAILED),
}
"""The numbers that `boards.expressions.breaker` gives."""

BREAKER_STEPS: Final = (Step(1, Colour.WAITING), Step(2, Colour.FAILED))
FAILING_STEPS: Final = (Step(0.05, Colour.WAITING), Step(0.2, Colour.FAILED))
SLOW_STEPS: Final = (Step(1, Colour.WAITING), Step(2.5, Colour.FAILED))
AGE_STEPS: Final = (Step(600, Colour.WAITING), Step(1800, Colour.FAILED))
BURN_STEPS: Final = (Step(1, Colour.WAITING), Step(14.4, Colour.FAILED))
"""From 14.4 on the budget of 30 days is gone in two."""
