"""Transfers to test with."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

from gateway.money import money
from gateway.reasons import Source
from gateway.records import Attempt, Direction, Reason, Session, State, Transfer, Verdict
from gateway.settings import DeliverySettings

OPERATOR = "acme"
TOKEN = "0fabcdc4-fe07-44f2-b968-93da3b324898"
PRICE = money("230.00", "XAG")
BALANCE = money("51800", "XAG")
SESSION = Session(operator=OPERATOR, token=TOKEN, player_id="p1")


def a_transfer(state: State = State.HELD, **fields: Any) -> Transfer:
    """A withdraw of 230 XAG in this state, other than usual where `fields` says so."""
    usual: dict[str, Any] = {
        "operator": OPERATOR,
        "direction": Direction.WITHDRAW,
        "id": "1234abcd",
        "amount": PRICE,
        "session": SESSION,
        "opened_at": 1000.0,
        "decided_at": 1000.0,
        "changed_at": 1000.0,
    }
    return Transfer(state=state, **(usual | fields))


def an_attempt(verdict: Verdict, at: float = 1000.0) -> Attempt:
    return Attempt(call="rollbackWithdrawal", at=at, took_s=0.1, verdict=verdict)


def a_reason(text: str = "Withdraw request failed.", source: Source = Source.GAME) -> Reason:
    return Reason(text=text, source=source, category="other", at=1000.0)


def offsets(plan: DeliverySettings) -> list[float]:
    """Every try's seconds after the decision, if tries took no time and nothing were jittered."""
    made = [offset for offset in accumulate(plan.schedule) if offset <= plan.until]
    following = made[-1] + plan.then_every
    while following <= plan.until:
        made.append(following)
        following += plan.then_every
    return made
