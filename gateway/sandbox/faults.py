"""Everything that an operator can do wrong, on purpose: a faulty operator is a simulated one plus a list of faults.

It decides what happens to a request; carrying that out (waiting, hanging, cutting the connection) is the business of
whoever brought the request: sockets (`gateway.sandbox.server`) or memory (`tests.support.memory_http`).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from decimal import Decimal, localcontext
from enum import StrEnum
from typing import Any, Final

import msgspec

from gateway.operators.adapter import HttpResponse
from gateway.operators.errors import Kind
from gateway.operators.exact_json import decode, encode
from gateway.sandbox.ledger import Seen
from gateway.sandbox.simulated import Act, Misunderstood, Order, Request, Simulated
from gateway.wire.calls import WalletCall

HUGE: Final = 8 * 1024 * 1024
"""Bytes of white space after the answer of the fault of that name."""


class Fault(StrEnum):
    """What goes wrong, and whether the operator has done what it was asked."""

    DELAY = "delay"  # done - answered late
    DUPLICATE = "duplicate"  # done - twice, as by an infrastructure that repeats requests
    DECLINE = "decline"  # not done - the operator's limit is reached
    OTHER_ERROR = "other_error"  # done - answers the protocol's error that says nothing
    ERROR_BEFORE = "error_before"  # not done - HTTP 503
    ERROR_AFTER = "error_after"  # done - HTTP 503
    CLIENT_ERROR = "client_error"  # not done - HTTP 404
    REDIRECT = "redirect"  # not done - HTTP 307 to another address of this operator
    WRONG_STATUS = "wrong_status"  # done - the right answer under HTTP 500
    HANG_BEFORE = "hang_before"  # not done - no answer ever
    HANG_AFTER = "hang_after"  # done - no answer ever
    CUT_BEFORE = "cut_before"  # not done - the connection is reset
    CUT_AFTER = "cut_after"  # done - the connection is reset
    HALF = "half"  # done - the connection ends in the middle of the answer
    GARBAGE = "garbage"  # done - HTTP 200 with a web page
    WRONG_TYPE = "wrong_type"  # done - every member of the answer has another type
    WRONG_ID = "wrong_id"  # done - the answer is about another transfer or request
    OTHER_CASE = "other_case"  # done - the balance's currency in small letters
    OTHER_CURRENCY = "other_currency"  # done - the balance in another currency
    MANY_DIGITS = "many_digits"  # done - the balance with as many digits as a float prints
    ENDLESS_DIGITS = "endless_digits"  # done - the balance with more digits than anybody keeps
    NO_BALANCE = "no_balance"  # done - the answer has no balance
    WORDS = "words"  # done - the balance is a text
    HUGE = "huge"  # done - the right answer, with `HUGE` bytes behind it
    LATE = "late"  # a hold: no answer, done once its rollback has been answered


BALANCE_FAULTS: Final = (
    Fault.OTHER_CASE,
    Fault.OTHER_CURRENCY,
    Fault.MANY_DIGITS,
    Fault.ENDLESS_DIGITS,
    Fault.NO_BALANCE,
    Fault.WORDS,
)
"""Faults under which the operator clearly says yes, and only the balance that it tells is odd."""

CRUMB: Final = Decimal("0.00000000000000004")
"""What `MANY_DIGITS` adds to a balance."""

THIRD: Final = Decimal("0." + "3" * 60)
"""What `ENDLESS_DIGITS` adds to it."""


class Ending(StrEnum):
    """How the connection behaves once there is an answer, or none."""

    WHOLE = "whole"
    HALF = "half"
    CUT = "cut"
    HANG = "hang"


class Reply(msgspec.Struct, frozen=True):
    """What comes back over the wire: after `delay_s` seconds, this much of this answer."""

    answer: HttpResponse | None = None
    ending: Ending = Ending.WHOLE
    delay_s: float = 0.0


class FaultRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Let a fault happen to `calls` (empty: all of them) about the transfers `ids` (empty: whichever) with this chance,
    `times` times (None: without end)."""

    fault: Fault
    calls: tuple[WalletCall, ...] = ()
    ids: tuple[str, ...] = ()
    chance: float = 1.0
    times: int | None = None
    delay_s: float = 1.0


class _Switched(msgspec.Struct):
    """A rule, and how often it may still happen."""

    rule: FaultRule
    left: int | None

    def strikes(self, order: Order, chance: Callable[[], float]) -> bool:
        if self.left == 0 or not self._is_about(order) or chance() >= self.rule.chance:
            return False
        if self.left is not None:
            self.left -= 1
        return True

    def _is_about(self, order: Order) -> bool:
        calls, ids = self.rule.calls, self.rule.ids
        return (not calls or order.call in calls) and (not ids or order.id in ids)


class FaultyOperator:
    """A simulated operator whose faults can be switched while it runs. The first rule that strikes is the one.

    `now` gives Unix seconds for the wire log, `chance` random numbers from 0 to 1.
    """

    def __init__(
        self, simulated: Simulated, now: Callable[[], float], chance: Callable[[], float] = random.random
    ) -> None:
        self.simulated = simulated
        self._now = now
        self._chance = chance
        self._switched: list[_Switched] = []
        self._late: dict[str, Order] = {}
        self._told_to_roll_back: set[str] = set()

    @property
    def rules(self) -> list[FaultRule]:
        return [switched.rule for switched in self._switched]

    def switch(self, rules: Iterable[FaultRule]) -> None:
        """These rules from now on, and no others."""
        self._switched = [_Switched(rule, rule.times) for rule in rules]

    def handle(self, request: Request) -> Reply:
        """Writes the request down, does what is asked or not, and says what comes back."""
        try:
            order = self.simulated.understand(request)
        except Misunderstood as misunderstood:
            self._saw(request)
            return Reply(misunderstood.answer)
        rule = next((each.rule for each in self._switched if each.strikes(order, self._chance)), None)
        self._saw(request, order, rule)
        reply = self._carry_out(order, rule)
        if order.act is Act.ROLLBACK and reply.answer is not None:
            self._let_in_late(order)
        return reply

    def _saw(self, request: Request, order: Order | None = None, rule: FaultRule | None = None) -> None:
        self.simulated.ledger.saw(
            Seen(
                at=self._now(),
                call="" if order is None else order.call,
                id="" if order is None else order.id,
                path=request.path,
                body=request.body,
                fault="" if rule is None else rule.fault,
            )
        )

    def _let_in_late(self, rollback: Order) -> None:
        self._told_to_roll_back.add(rollback.reference)
        late = self._late.pop(rollback.reference, None)
        if late is not None:
            self.simulated.carry_out(late)

    def _delay(self, hold: Order) -> None:
        """Until its rollback has been answered; it is late enough if that has been."""
        if hold.reference in self._told_to_roll_back:
            self.simulated.carry_out(hold)
        else:
            self._late[hold.reference] = hold

    def _carry_out(self, order: Order, rule: FaultRule | None) -> Reply:
        if rule is None:
            return Reply(self.simulated.carry_out(order))
        if rule.fault is Fault.LATE and order.act is Act.HOLD:
            self._delay(order)
        if rule.fault in _INSTEAD:
            return _INSTEAD[rule.fault]
        if rule.fault is Fault.DELAY:
            return Reply(self.simulated.carry_out(order), delay_s=rule.delay_s)
        if rule.fault in _REWRITTEN:
            answer = self.simulated.carry_out(order)
            return Reply(_with_balance(answer, self.simulated.balance_at, _REWRITTEN[rule.fault]))
        if rule.fault in _OTHERWISE:
            return Reply(_OTHERWISE[rule.fault](self.simulated, order))
        return _SPOILED[rule.fault](self.simulated.carry_out(order))


def _twice(simulated: Simulated, order: Order) -> HttpResponse:
    simulated.carry_out(order)
    return simulated.carry_out(order)


def _other_error(simulated: Simulated, order: Order) -> HttpResponse:
    simulated.carry_out(order)
    return simulated.no(order, Kind.OTHER)


def _retyped(answer: HttpResponse) -> Reply:
    """Each member's value in a list of its own."""
    members = msgspec.json.decode(answer.body, type=dict[str, msgspec.Raw])
    body = msgspec.json.encode({name: [value] for name, value in members.items()})
    return Reply(HttpResponse(answer.status, answer.headers, body))


def _with_balance(answer: HttpResponse, at: tuple[str, ...], rewrite: Callable[[Any], object]) -> HttpResponse:
    """The same answer with the balance's number rewritten; without its outermost member where that comes to None."""
    body = decode(answer.body)
    place = body
    for name in at[:-1]:
        place = place.get(name, {})
    if at[-1] not in place:
        return answer
    place[at[-1]] = rewrite(place[at[-1]])
    if place[at[-1]] is None:
        del body[at[0]]
    return HttpResponse(answer.status, answer.headers, encode(body))


def _more(number: Decimal | int, crumb: Decimal) -> msgspec.Raw:
    with localcontext(prec=200):
        return msgspec.Raw(f"{number + crumb:f}".encode())


_REWRITTEN: Final[dict[Fault, Callable[[Any], object]]] = {
    Fault.MANY_DIGITS: lambda number: _more(number, CRUMB),
    Fault.ENDLESS_DIGITS: lambda number: _more(number, THIRD),
    Fault.NO_BALANCE: lambda _: None,
    Fault.WORDS: lambda _: "plenty",
}
"""The operator does what it should, and tells this balance."""

_ERROR: Final = Reply(
    HttpResponse(503, {"content-type": "text/html"}, b"<html><body>Service Unavailable</body></html>")
)
_HANG: Final = Reply(None, Ending.HANG)
_CUT: Final = Reply(None, Ending.CUT)

_INSTEAD: Final[dict[Fault, Reply]] = {
    Fault.ERROR_BEFORE: _ERROR,
    Fault.CLIENT_ERROR: Reply(HttpResponse(404, {"content-type": "text/html"}, b"<html><body>Not Found</body></html>")),
    Fault.REDIRECT: Reply(HttpResponse(307, {"location": "/elsewhere"}, b"")),
    Fault.HANG_BEFORE: _HANG,
    Fault.CUT_BEFORE: _CUT,
    Fault.LATE: _HANG,
}
"""The operator does nothing, and this comes back."""

_OTHERWISE: Final[dict[Fault, Callable[[Simulated, Order], HttpResponse]]] = {
    Fault.DECLINE: lambda simulated, order: simulated.no(order, Kind.LIMIT),
    Fault.DUPLICATE: _twice,
    Fault.OTHER_ERROR: _other_error,
    Fault.WRONG_ID: lambda simulated, order: simulated.mistaken(order),
    Fault.OTHER_CASE: lambda simulated, order: simulated.in_currency(order, str.lower),
    Fault.OTHER_CURRENCY: lambda simulated, order: simulated.in_currency(order, lambda _: "XTS"),
}
"""The operator does something else than it should, and answers that."""

_SPOILED: Final[dict[Fault, Callable[[HttpResponse], Reply]]] = {
    Fault.HANG_AFTER: lambda _: _HANG,
    Fault.CUT_AFTER: lambda _: _CUT,
    Fault.ERROR_AFTER: lambda _: _ERROR,
    Fault.HALF: lambda answer: Reply(answer, Ending.HALF),
    Fault.GARBAGE: lambda _: Reply(
        HttpResponse(200, {"content-type": "text/html"}, b"<html><body>It works!</body></html>")
    ),
    Fault.WRONG_STATUS: lambda answer: Reply(HttpResponse(500, answer.headers, answer.body)),
    Fault.WRONG_TYPE: _retyped,
    Fault.HUGE: lambda answer: Reply(HttpResponse(answer.status, answer.headers, answer.body + b" " * HUGE)),
}
"""The operator does what it should, and this is left of its answer."""
