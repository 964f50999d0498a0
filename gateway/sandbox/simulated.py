"""The base of a simulated operator: one protocol's requests and answers, over a `Ledger`.

It is a pure function of the request and the ledger: no sockets, no clock, no randomness. Each adapter's package brings
its simulated side, which is found by the entry point group `mm_gateway.simulated` under the adapter's name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from enum import StrEnum
from importlib.metadata import EntryPoint, entry_points
from typing import Any, ClassVar, Final

import msgspec

from gateway.money import Money
from gateway.operators.adapter import HttpResponse
from gateway.operators.errors import Kind
from gateway.operators.exact_json import decode, encode
from gateway.records import Direction
from gateway.sandbox.ledger import Account, HoldState, Ledger, Refusal
from gateway.wire.calls import END_CALL, HOLD_CALL, LOOK_UP, WalletCall

ENTRY_POINTS: Final = "mm_gateway.simulated"
"""The group of entry points under which simulated operators are found."""


class Act(StrEnum):
    """What a request asks for, in words that all protocols share."""

    VERIFY = "verify"
    BALANCE = "balance"
    HOLD = "hold"
    CONFIRM = "confirm"
    ROLLBACK = "rollback"
    LOOK_UP = "look_up"


CALLS: Final = {
    (Act.VERIFY, Direction.WITHDRAW): WalletCall.VERIFY_SESSION,
    (Act.BALANCE, Direction.WITHDRAW): WalletCall.GET_BALANCE,
    **{(Act.HOLD, direction): call for direction, call in HOLD_CALL.items()},
    **{(Act(decision), direction): call for (direction, decision), call in END_CALL.items()},
}
"""The wallet call that an act stands for. Verify and balance have no direction; they stand under withdraw."""


class Meaning(StrEnum):
    """What an error code proves, where it is not a decline (that is a `Kind`)."""

    UNKNOWN = "unknown"  # nothing: the operator may or may not have done it
    DONE = "done"  # this very call was done before, so it is acknowledged
    RETRY_LATER = "retry_later"  # nothing: the operator is busy, and wants to be asked again
    PARK = "park"  # no later try of this end can succeed


class Unknown(StrEnum):
    """What the operator does with the rollback of a hold that it never saw."""

    ACKNOWLEDGE = "acknowledge"  # answers yes, and refuses the hold if it comes later
    REPORT = "report"  # answers that it does not know the hold, and refuses it if it comes later
    FORGET = "forget"  # answers that it does not know the hold, and books it if it comes later


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """How an operator behaves where the protocols leave it open."""

    checks_ends: bool = False
    """It refuses a confirm or a rollback too if the session that it names has ended."""
    trusts_tokens: bool = False
    """It books an end for the player whose session the end names, even if the hold was another player's."""
    refuses_repeats: bool = False
    """It answers a repeated end with an error that says "done before" instead of the first answer, if its protocol has
    such an error."""
    repeats_answers: bool = False
    """It answers the very same rollback as it did the first time, without looking again: "never heard of it" stays
    that, even if the hold has come since."""
    says_why: bool = True
    """Its errors tell one cause from another, if its protocol has codes for that."""
    can_be_asked: bool = False
    """It can be asked what became of a transfer, also where the protocol leaves it to the operator whether it can."""
    places: Mapping[str, int] = {}
    """The digits after the point that it keeps of each of these currencies; it declines an amount with more. Where the
    protocol counts amounts in small units, it counts these so."""


class Request(msgspec.Struct, frozen=True):
    """One HTTP request: header names in lower case, `path` as it was sent, with its query."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A request that was understood.

    `reference` is the operator's name for the hold, `id` the game's. `player` is the player that the request names
    beside the token, empty for none. `echo` is what the protocol wants repeated in the answer. `request` is the request
    that it was read from, None where that does not matter.
    """

    act: Act
    direction: Direction = Direction.WITHDRAW
    token: str = ""
    reference: str = ""
    id: str = ""
    amount: Money | None = None
    player: str = ""
    echo: str = ""
    request: Request | None = None

    @property
    def call(self) -> str:
        """The wallet call that this request stands for, or `LOOK_UP`."""
        return CALLS.get((self.act, self.direction), LOOK_UP)


def as_another(order: Order) -> Order:
    """The same with the names of another transfer, session and request."""
    return msgspec.structs.replace(order, token=f"{order.token}-", id=f"{order.id}-", echo=f"{order.echo}-")


class Misunderstood(Exception):
    """This operator cannot read the request, or does not let its sender in; `answer` says so."""

    def __init__(self, answer: HttpResponse) -> None:
        super().__init__(f"HTTP {answer.status}")
        self.answer = answer


PLAIN: Final = Manner()
"""An operator that does what its contract says."""

CURRENCIES: Final = ("XAG", "JPY", "EUR", "KWD")
"""One of the game's own, and of ISO 4217 one with no places after the point, one with 2 and one with 3."""


class Simulated(ABC):
    """One protocol, seen from the operator's side: a subclass says how requests are read and answers written.

    `base_path` is the path of all endpoints, with slashes at both ends; `unknown_rollback` is what this protocol's
    contract says of the rollback of an unknown hold.
    """

    base_path: ClassVar[str] = "/"
    unknown_rollback: ClassVar[Unknown] = Unknown.REPORT
    unknown_rollbacks: ClassVar[tuple[Unknown, ...]] = tuple(Unknown)
    """What the protocol can express of the rollback of an unknown hold. Without an error that says "never heard of it",
    only `ACKNOWLEDGE`."""
    balance_at: ClassVar[tuple[str | int, ...]] = ("balance",)
    """The path of the balance's number in what `read_body` gives: the members' names, and the places in lists, the
    outermost first."""
    refusable_repeats: ClassVar[frozenset[Act]] = frozenset()
    """The ends for whose repeat the protocol has an error that says "done before"."""

    currencies: ClassVar[tuple[str, ...]] = CURRENCIES
    """The currencies that the suite plays, the first most of all. Without those of `CURRENCIES` that are of ISO 4217 it
    needs an exemption."""
    success_statuses: ClassVar[frozenset[int]] = frozenset({200})
    """The HTTP statuses under which the contract's yes comes."""
    error_statuses: ClassVar[frozenset[int] | None] = None
    """The HTTP statuses under which the contract's errors count: under any other they prove nothing. None if the
    contract does not say."""
    final_holds: ClassVar[frozenset[Direction]] = frozenset()
    """The directions whose hold is final at once under `adapter_settings`, so that nothing is sent for its confirm."""
    unnamed_code: ClassVar[str] = "987654"
    """An error code that the protocol does not have."""
    exemptions: ClassVar[Mapping[str, str]] = {}
    """The behaviours of the suite that the contract does not allow, each with the reason."""

    def __init__(self, ledger: Ledger, unknown_rollback: Unknown | None = None, manner: Manner = PLAIN) -> None:
        self.ledger = ledger
        self.unknown = unknown_rollback or self.unknown_rollback
        self.manner = manner
        self._given: dict[tuple[str, bytes], HttpResponse] = {}

    @classmethod
    @abstractmethod
    def adapter_settings(cls, base_url: str) -> dict[str, Any]:
        """The adapter's `settings:` for this operator; `base_url` ends with `base_path`."""

    def own_settings(self, base_url: str) -> dict[str, Any]:
        """The same, as this operator's manner needs them."""
        return self.adapter_settings(base_url)

    @classmethod
    def other_settings(cls) -> list[dict[str, Any]]:
        """Settings that change what is sent (how a confirm is made, say), each to replace some of `adapter_settings`:
        the suite plays whole transfers under these too."""
        return []

    @classmethod
    def read_body(cls, body: bytes) -> dict[str, Any]:
        """An answer's body as members; lists and members may stand in it. JSON, unless the protocol has a form of its
        own. Raises `Unclear` or `ValueError` for what cannot be read."""
        members: dict[str, Any] = decode(body)
        return members

    @classmethod
    def write_body(cls, members: dict[str, Any]) -> bytes:
        """The inverse of `read_body`. A value may have become a list, or a `Decimal` with many digits."""
        return encode(members)

    @classmethod
    def codes(cls) -> tuple[str, ...]:
        """Every error code of the protocol's tables, as `answer_code` takes it."""
        return ()

    def meaning(self, code: str, act: Act, direction: Direction) -> Kind | Meaning:
        """What the contract lets one conclude from this code in answer to such a request, under `adapter_settings`: a
        decline of this kind, or something else. A code that is not of the protocol proves nothing."""
        return Meaning.UNKNOWN

    @classmethod
    def statuses_of(cls, code: str) -> frozenset[int] | None:  # noqa: ARG003 - of the subclasses
        """The HTTP statuses under which this code counts, where it has statuses of its own: `error_statuses`."""
        return cls.error_statuses

    def answer_code(self, order: Order, code: str) -> HttpResponse:
        """The error with this code, as the protocol answers it to this request, whatever was done."""
        return self.no(order, Kind.OTHER)

    @abstractmethod
    def understand(self, request: Request) -> Order:
        """Checks the credentials and reads the request. Raises `Misunderstood`."""

    @abstractmethod
    def yes(self, order: Order, account: Account) -> HttpResponse:
        """The answer to what was done; `account` is as it is after it. To a look-up, it says what became of the hold
        (`self.ledger.holds[order.reference].state`)."""

    @abstractmethod
    def no(self, order: Order, kind: Kind) -> HttpResponse:
        """The answer to what was refused; `OTHER` is the protocol's error that names no cause."""

    def answer(self, request: Request) -> HttpResponse:
        """Reads the request, carries it out, and answers."""
        try:
            order = self.understand(request)
        except Misunderstood as misunderstood:
            return misunderstood.answer
        return self.carry_out(order)

    def carry_out(self, order: Order) -> HttpResponse:
        """Carries out what was understood, and answers."""
        if not self.manner.repeats_answers or order.act is not Act.ROLLBACK or order.request is None:
            return self._carry_out(order)
        same = order.request.path, order.request.body
        if same not in self._given:
            self._given[same] = self._carry_out(order)
        return self._given[same]

    def _carry_out(self, order: Order) -> HttpResponse:
        try:
            return self.yes(order, self._execute(order))
        except Refusal as refusal:
            return self.no(order, refusal.kind)

    def answer_for_another(self, order: Order) -> HttpResponse:
        """Carries it out, and answers as if to another transfer, session or request: the fault `WRONG_ID`."""
        try:
            account = self._execute(order)
        except Refusal as refusal:
            return self.no(order, refusal.kind)
        return self.yes(as_another(order), account)

    def in_currency(self, order: Order, rewrite: Callable[[str], str]) -> HttpResponse:
        """Carries it out, and answers as if the balance were in another currency."""
        try:
            account = self._execute(order)
        except Refusal as refusal:
            return self.no(order, refusal.kind)
        return self.yes(order, msgspec.structs.replace(account, currency=rewrite(account.currency)))

    def _execute(self, order: Order) -> Account:
        match order.act:
            case Act.VERIFY | Act.BALANCE:
                return self.ledger.session(order.token)
            case Act.LOOK_UP:
                return self.ledger.account_of(order.reference)
            case Act.HOLD:
                return self._hold(order)
            case Act.CONFIRM:
                return self._confirm(order, self._caller(order))
            case Act.ROLLBACK:
                return self._undo(order, self._caller(order))

    def _hold(self, order: Order) -> Account:
        assert order.amount is not None
        account = self.ledger.session(order.token)
        if not self._keeps(order.amount):
            raise Refusal(Kind.AMOUNT)
        _require_player(order, account.player_id)
        return self.ledger.hold(account, order.direction, order.reference, order.id, order.amount)

    def _keeps(self, amount: Money) -> bool:
        """Whether this operator keeps every digit of such an amount."""
        places = self.manner.places.get(amount.currency)
        return places is None or round(amount.amount, places) == amount.amount

    def _caller(self, order: Order) -> Account | None:
        """The account whose session an end names; None if the token was never given out."""
        return self.ledger.session(order.token) if self.manner.checks_ends else self.ledger.owner(order.token)

    def _confirm(self, order: Order, caller: Account | None) -> Account:
        self._require_holds_player(order)
        self._refuse_repeat(order, HoldState.CONFIRMED, Kind.DUPLICATE)
        account = self.ledger.confirm(order.reference, order.amount)
        return caller if self.manner.trusts_tokens and caller is not None else account

    def _require_holds_player(self, order: Order) -> None:
        hold = self.ledger.holds.get(order.reference)
        if hold is not None and hold.player_id and not self.manner.trusts_tokens:
            _require_player(order, hold.player_id)

    def _refuse_repeat(self, order: Order, ended: HoldState, kind: Kind) -> None:
        hold = self.ledger.holds.get(order.reference)
        refuses = self.manner.refuses_repeats and order.act in self.refusable_repeats
        if refuses and hold is not None and hold.state is ended:
            raise Refusal(kind)

    def _undo(self, order: Order, caller: Account | None) -> Account:
        self._require_holds_player(order)
        self._refuse_repeat(order, HoldState.UNDONE, Kind.ROLLED_BACK)
        if order.reference in self.ledger.holds:
            account = self.ledger.undo(order.reference, caller if self.manner.trusts_tokens else None)
            if account is not None:
                return caller if self.manner.trusts_tokens and caller is not None else account
        elif self.unknown is not Unknown.FORGET:
            self.ledger.record_early_rollback(order.direction, order.reference, order.id)
        if self.unknown is not Unknown.ACKNOWLEDGE:
            raise Refusal(Kind.NOT_FOUND)
        if caller is None:
            raise Refusal(Kind.SESSION)
        return caller


def _require_player(order: Order, player_id: str) -> None:
    if order.player not in {"", player_id}:
        raise Refusal(Kind.PLAYER)


def simulated_operators() -> dict[str, EntryPoint]:
    """Every protocol with a simulated side, by its adapter's name; `load()` gives its `Simulated`."""
    return {found.name: found for found in entry_points(group=ENTRY_POINTS)}
