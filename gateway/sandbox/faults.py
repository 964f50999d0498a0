"""Everything that an operator can do wrong, on purpose: a faulty operator is a simulated one plus a list of faults.

This module decides what happens to a request. The transport carries it out (waits, hangs, cuts the connection): sockets
(`gateway.sandbox.server`) or memory (`tests.support.memory_http`).
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable
from decimal import Decimal, localcontext
from enum import StrEnum
from typing import Any, Final, cast

import msgspec

from gateway.operators.adapter import HttpResponse
from gateway.operators.errors import Kind
from gateway.sandbox.game_ids import GameIds
from gateway.sandbox.ledger import Seen
from gateway.sandbox.simulated import Act, Misunderstood, Order, Request, Simulated
from gateway.wire.calls import WalletCall

HUGE: Final = 8 * 1024 * 1024
"""Bytes of white space after the answer of the fault of that name."""


BUSY_S: Final = 7
"""The seconds that the fault of that name asks to be left alone."""


class Fault(StrEnum):
    """What goes wrong, and whether the operator has done what it was asked to do."""

    DELAY = "delay"  # done - answered late
    DUPLICATE = "duplicate"  # done - twice, as by an infrastructure that repeats requests
    DECLINE = "decline"  # not done - the operator's limit is reached
    OTHER_ERROR = "other_error"  # done - answers the protocol's error that names no cause
    ERROR_BEFORE = "error_before"  # not done - HTTP 503
    ERROR_AFTER = "error_after"  # done - HTTP 503
    CLIENT_ERROR = "client_error"  # not done - HTTP 404
    BUSY = "busy"  # not done - HTTP 429, to be asked again after `BUSY_S` seconds
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
    OTHER_CASE = "other_case"  # done - the balance's currency in lower case
    OTHER_CURRENCY = "other_currency"  # done - the balance in another currency
    MANY_DIGITS = "many_digits"  # done - the balance with as many digits as a float prints
    ENDLESS_DIGITS = "endless_digits"  # done - the balance with more digits than the gateway keeps
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
"""Faults under which the operator clearly says yes, and only the balance in its answer is odd."""

EXTRA_DIGITS: Final = Decimal("0.00000000000000004")
"""What `MANY_DIGITS` adds to a balance."""

ENDLESS_THIRD: Final = Decimal("0." + "3" * 60)
"""What `ENDLESS_DIGITS` adds to a balance."""


class Ending(StrEnum):
    """What happens to the connection: the answer goes out whole, or half; it is cut; or nothing is ever sent."""

    WHOLE = "whole"
    HALF = "half"
    CUT = "cut"
    HANG = "hang"


class Reply(msgspec.Struct, frozen=True):
    """What comes back over the wire after `delay_s` seconds. `ending` says how much of `answer` is sent."""

    answer: HttpResponse | None = None
    ending: Ending = Ending.WHOLE
    delay_s: float = 0.0


class FaultRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Lets a fault happen to these `calls` (empty: to all) for the transfers `ids` (empty: for all), with a probability
    of `chance` (0 to 1), at most `times` times (None: without limit). `delay_s` is for `DELAY` alone."""

    fault: Fault
    calls: tuple[WalletCall, ...] = ()
    ids: tuple[str, ...] = ()
    chance: float = 1.0
    times: int | None = None
    delay_s: float = 1.0


class _ActiveRule(msgspec.Struct):
    """A rule in force, and how many more times it may happen (None: without limit)."""

    rule: FaultRule
    remaining: int | None

    def applies_to(self, order: Order, chance: Callable[[], float]) -> bool:
        """Whether the fault happens to this request. If so, that counts as one of its times."""
        # Chance is drawn last: a rule for other calls takes no random number, so a seed gives the same faults.
        if self.remaining == 0 or not self._is_about(order) or chance() >= self.rule.chance:
            return False
        if self.remaining is not None:
            self.remaining -= 1
        return True

    def _is_about(self, order: Order) -> bool:
        calls, ids = self.rule.calls, self.rule.ids
        return (not calls or order.call in calls) and (not ids or order.id in ids)


class FaultyOperator:
    """A simulated operator whose faults can be changed while it runs. The first rule that applies decides.

    `now` gives Unix seconds for the wire log, `chance` gives random numbers from 0 to 1. `game_ids` tells the game's
    ids where the protocol carries only ids that the adapter derives; without them, faults and ledger have those.
    A late hold is done at most `late_within_s` after somebody has looked for it in vain, or never.
    """

    def __init__(
        self,
        simulated: Simulated,
        now: Callable[[], float],
        chance: Callable[[], float] = random.random,
        late_within_s: float = math.inf,
    ) -> None:
        self.simulated = simulated
        self._now = now
        self._chance = chance
        self.game_ids: GameIds | None = None
        self._active_rules: list[_ActiveRule] = []
        self._late_within_s = late_within_s
        self._late: dict[str, Order] = {}
        self._missed_at: dict[str, float] = {}
        self._rolled_back: set[str] = set()

    @property
    def rules(self) -> list[FaultRule]:
        """The rules in force, in the order in which they are tried."""
        return [active.rule for active in self._active_rules]

    def switch(self, rules: Iterable[FaultRule]) -> None:
        """Replaces the rules in force; each may happen its `times` again."""
        self._active_rules = [_ActiveRule(rule, rule.times) for rule in rules]

    def handle(self, request: Request) -> Reply:
        """Logs the request, carries it out or not, and returns what comes back."""
        try:
            order = self._understand(request)
        except Misunderstood as misunderstood:
            self._log_request(request)
            self.simulated.ledger.log_answer(misunderstood.answer)
            return Reply(misunderstood.answer)
        rule = next((each.rule for each in self._active_rules if each.applies_to(order, self._chance)), None)
        # Before it is carried out: what a killed process has booked must stand in the log.
        self._log_request(request, order, rule)
        reply = self._carry_out(order, rule)
        if reply.answer is not None:
            self.simulated.ledger.log_answer(reply.answer)
        if order.act is Act.LOOK_UP and reply.answer is not None:
            self._missed_at.setdefault(order.reference, self._now())
        # After the rollback has been answered: a late hold is one that the rollback did not find.
        if order.act is Act.ROLLBACK and reply.answer is not None:
            self._book_late_hold(order)
        return reply

    def _understand(self, request: Request) -> Order:
        order = self.simulated.understand(request)
        id = order.id if self.game_ids is None else self.game_ids.id_of(order)
        return msgspec.structs.replace(order, request=request, id=id)

    def _log_request(self, request: Request, order: Order | None = None, rule: FaultRule | None = None) -> None:
        self.simulated.ledger.log_request(
            Seen(
                at=self._now(),
                call="" if order is None else order.call,
                id="" if order is None else order.id,
                path=request.path,
                body=request.body,
                fault="" if rule is None else rule.fault,
                method=request.method,
                headers=request.headers,
            )
        )

    def _book_late_hold(self, rollback: Order) -> None:
        self._rolled_back.add(rollback.reference)
        late, now = self._late.pop(rollback.reference, None), self._now()
        if late is not None and now - self._missed_at.get(rollback.reference, now) <= self._late_within_s:
            self.simulated.carry_out(late)

    def _delay_hold(self, hold: Order) -> None:
        """Keeps the hold until its rollback has been answered; if that is so already, books it now."""
        if hold.reference in self._rolled_back:
            self.simulated.carry_out(hold)
        else:
            self._late[hold.reference] = hold

    def _carry_out(self, order: Order, rule: FaultRule | None) -> Reply:
        if rule is None:
            return Reply(self.simulated.carry_out(order))
        if rule.fault is Fault.LATE and order.act is Act.HOLD:
            self._delay_hold(order)
        if rule.fault in _REPLIES_INSTEAD:
            return _REPLIES_INSTEAD[rule.fault]
        if rule.fault is Fault.DELAY:
            return Reply(self.simulated.carry_out(order), delay_s=rule.delay_s)
        if rule.fault in _BALANCE_REWRITES:
            return Reply(_with_balance(self.simulated, order, _BALANCE_REWRITES[rule.fault]))
        if rule.fault in _OTHER_ACTIONS:
            return Reply(_OTHER_ACTIONS[rule.fault](self.simulated, order))
        return _SPOILED_RESPONSES[rule.fault](self.simulated.carry_out(order))


def _carry_out_twice(simulated: Simulated, order: Order) -> HttpResponse:
    simulated.carry_out(order)
    return simulated.carry_out(order)


def _other_error(simulated: Simulated, order: Order) -> HttpResponse:
    simulated.carry_out(order)
    return simulated.no(order, Kind.OTHER)


def _with_wrong_types(simulated: Simulated, order: Order) -> HttpResponse:
    """The same answer with each member's value in a list."""
    answer = simulated.carry_out(order)
    members = simulated.read_body(answer.body)
    return _with_body(answer, simulated.write_body({name: [value] for name, value in members.items()}))


def _with_balance(simulated: Simulated, order: Order, rewrite: Callable[[Any], object]) -> HttpResponse:
    """The same answer with the balance's number rewritten. If `rewrite` gives None, the balance is left out whole."""
    answer, at = simulated.carry_out(order), simulated.balance_at
    members = simulated.read_body(answer.body)
    place: Any = members
    try:
        for name in at[:-1]:
            place = place[name]
        place[at[-1]] = rewrite(place[at[-1]])
    except (LookupError, TypeError):  # this answer has no balance
        return answer
    if place[at[-1]] is None:
        del members[cast("str", at[0])]
    return _with_body(answer, simulated.write_body(members))


def _with_body(answer: HttpResponse, body: bytes) -> HttpResponse:
    return HttpResponse(answer.status, answer.headers, body)


def _add_digits(number: Decimal | int | str, extra: Decimal) -> Decimal | str:
    """The sum, as a text if the number was one."""
    # The default precision of 28 digits would round the very digits that are added.
    with localcontext(prec=200):
        total = Decimal(number) + extra
        return f"{total:f}" if isinstance(number, str) else total


_BALANCE_REWRITES: Final[dict[Fault, Callable[[Any], object]]] = {
    Fault.MANY_DIGITS: lambda number: _add_digits(number, EXTRA_DIGITS),
    Fault.ENDLESS_DIGITS: lambda number: _add_digits(number, ENDLESS_THIRD),
    Fault.NO_BALANCE: lambda _: None,
    Fault.WORDS: lambda _: "plenty",
}
"""The operator does what it should, and answers with this balance."""

_ERROR: Final = Reply(
    HttpResponse(503, {"content-type": "text/html"}, b"<html><body>Service Unavailable</body></html>")
)
_HANG: Final = Reply(None, Ending.HANG)
_CUT: Final = Reply(None, Ending.CUT)

_REPLIES_INSTEAD: Final[dict[Fault, Reply]] = {
    Fault.ERROR_BEFORE: _ERROR,
    Fault.CLIENT_ERROR: Reply(HttpResponse(404, {"content-type": "text/html"}, b"<html><body>Not Found</body></html>")),
    Fault.BUSY: Reply(HttpResponse(429, {"retry-after": str(BUSY_S)}, b"")),
    Fault.REDIRECT: Reply(HttpResponse(307, {"location": "/elsewhere"}, b"")),
    Fault.HANG_BEFORE: _HANG,
    Fault.CUT_BEFORE: _CUT,
    Fault.LATE: _HANG,
}
"""The operator does nothing, and this comes back."""

_OTHER_ACTIONS: Final[dict[Fault, Callable[[Simulated, Order], HttpResponse]]] = {
    Fault.DECLINE: lambda simulated, order: simulated.no(order, Kind.LIMIT),
    Fault.DUPLICATE: _carry_out_twice,
    Fault.OTHER_ERROR: _other_error,
    Fault.WRONG_TYPE: _with_wrong_types,
    Fault.WRONG_ID: lambda simulated, order: simulated.answer_for_another(order),
    Fault.OTHER_CASE: lambda simulated, order: simulated.in_currency(order, str.lower),
    Fault.OTHER_CURRENCY: lambda simulated, order: simulated.in_currency(order, lambda _: "XTS"),
}
"""The operator does something else than it should, and gives the answer to that."""

_SPOILED_RESPONSES: Final[dict[Fault, Callable[[HttpResponse], Reply]]] = {
    Fault.HANG_AFTER: lambda _: _HANG,
    Fault.CUT_AFTER: lambda _: _CUT,
    Fault.ERROR_AFTER: lambda _: _ERROR,
    Fault.HALF: lambda answer: Reply(answer, Ending.HALF),
    Fault.GARBAGE: lambda _: Reply(
        HttpResponse(200, {"content-type": "text/html"}, b"<html><body>It works!</body></html>")
    ),
    Fault.WRONG_STATUS: lambda answer: Reply(HttpResponse(500, answer.headers, answer.body)),
    Fault.HUGE: lambda answer: Reply(HttpResponse(answer.status, answer.headers, answer.body + b" " * HUGE)),
}
"""The operator does what it should, and this is what comes back of its answer."""
