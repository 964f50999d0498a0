"""A simulated operator's ledger: players, their money, what is held, and every request that ever came in.

Its state is a replay of its events, so a store that keeps the events keeps everything (`gateway.sandbox.stores`). It
does no I/O, and uses no clock and no randomness.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Context, Decimal, Inexact, InvalidOperation
from enum import StrEnum
from typing import Final, Protocol

import msgspec

from gateway.money import Money
from gateway.operators.adapter import HttpResponse
from gateway.operators.errors import Kind
from gateway.records import Direction

_EXACT: Final = Context(prec=200, traps=[Inexact, InvalidOperation])  # a sum that would be rounded raises instead


class Refusal(Exception):
    """The operator declines; `kind` says why."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(str(kind))
        self.kind = kind


class HoldState(StrEnum):
    """What became of a hold. A `BURIED` one was rolled back before it came: it is refused if it comes later."""

    HELD = "held"
    CONFIRMED = "confirmed"
    UNDONE = "undone"
    BURIED = "buried"


# The names of the event classes below stand in ledger files as tags: renaming one makes older files unreadable.


class Enrolled(msgspec.Struct, frozen=True, tag=True):
    """A player with an open session under `token`."""

    player_id: str
    token: str
    balance: Money


class SessionOpened(msgspec.Struct, frozen=True, tag=True):
    """A player has one more open session."""

    player_id: str
    token: str


class SessionEnded(msgspec.Struct, frozen=True, tag=True):
    """A session has ended: its token is no longer accepted."""

    token: str


class Booked(msgspec.Struct, frozen=True, tag=True):
    """A hold moved the player's money. `reference` is the operator's name for it, `id` the game's."""

    reference: str
    direction: Direction
    id: str
    player_id: str
    amount: Money


class Ended(msgspec.Struct, frozen=True, tag=True):
    """A hold was confirmed or undone. `given_to` is the player who got the money of an undone one, empty for the hold's
    own player."""

    reference: str
    state: HoldState
    given_to: str = ""


class Buried(msgspec.Struct, frozen=True, tag=True):
    """A hold that never came was rolled back."""

    reference: str
    direction: Direction
    id: str


class Seen(msgspec.Struct, frozen=True, tag=True):
    """An entry of the wire log: one request as it arrived.

    `at` is in Unix seconds. `call` is the wallet call that the request stands for, empty if the operator did not
    understand it. `path` is as it was sent, with its query; header names are in lower case. `fault` is what the
    operator did wrong on purpose, empty for nothing. `answer` is what came back, None for nothing: it is not part of
    the event, but comes from the `Answered` that follows.
    """

    at: float
    call: str
    id: str
    path: str
    body: bytes
    fault: str = ""
    method: str = ""
    headers: Mapping[str, str] = {}
    answer: HttpResponse | None = None


class Answered(msgspec.Struct, frozen=True, tag=True):
    """What came back for the request that was seen last, at most `KEPT_ANSWER` bytes of its body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


KEPT_ANSWER: Final = 64 * 1024
"""The most bytes of an answer that the wire log keeps."""

Event = Enrolled | SessionOpened | SessionEnded | Booked | Ended | Buried | Seen | Answered
"""Everything that a ledger's file holds."""


class Store(Protocol):
    """Keeps events, in order."""

    def append(self, event: Event) -> None:
        """Keeps one more event, after all others."""

    def events(self) -> Iterator[Event]:
        """All events, the oldest first."""

    def close(self) -> None:
        """Releases what the store holds; it is used no more."""


class Account(msgspec.Struct):
    """A player's money: `opened_with` is what the account began with, `token` the first session's."""

    player_id: str
    token: str
    currency: str
    opened_with: Decimal
    balance: Decimal


class Hold(msgspec.Struct):
    """A withdraw or deposit. `reference` is the operator's name for it, `id` the game's. A buried one has no player and
    no amount. `given_to` is who got the money back when it was undone, empty for the hold's own player."""

    reference: str
    direction: Direction
    id: str
    state: HoldState
    player_id: str = ""
    amount: Money | None = None
    given_to: str = ""

    @property
    def counts(self) -> bool:
        """Whether it is part of the player's balance."""
        return self.state in {HoldState.HELD, HoldState.CONFIRMED}


class Ledger:
    """What the operator knows. A method that raises `Refusal` has changed nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.accounts: dict[str, Account] = {}
        self.holds: dict[str, Hold] = {}
        self._player_of: dict[str, str] = {}
        self._ended_sessions: set[str] = set()
        for event in store.events():
            self._apply(event)

    def close(self) -> None:
        self._store.close()

    def enrol(self, player_id: str, token: str, balance: Money) -> None:
        """Opens an account and its first session. Does nothing if the player has an account."""
        if player_id not in self.accounts:
            self._record(Enrolled(player_id, token, balance))

    def open_session(self, player_id: str, token: str) -> None:
        """Opens one more session of an enrolled player. Does nothing if the token was used before."""
        if token not in self._player_of:
            self._record(SessionOpened(player_id, token))

    def end_session(self, token: str) -> None:
        """Ends a session. Does nothing if it is not open."""
        if self.is_open(token):
            self._record(SessionEnded(token))

    def is_open(self, token: str) -> bool:
        """Whether this is the token of an open session."""
        return token in self._player_of and token not in self._ended_sessions

    def log_request(self, request: Seen) -> None:
        """Adds a request to the wire log."""
        self._record(request)

    def log_answer(self, answer: HttpResponse) -> None:
        """Adds the answer to the request that was logged last."""
        self._record(Answered(answer.status, answer.headers, answer.body[:KEPT_ANSWER]))

    def wire(self) -> Iterator[Seen]:
        """The wire log: every request in the order of arrival, with its answer."""
        request: Seen | None = None
        for event in self._store.events():
            if isinstance(event, Answered) and request is not None:
                yield msgspec.structs.replace(request, answer=HttpResponse(event.status, event.headers, event.body))
                request = None
            elif isinstance(event, Seen):
                if request is not None:
                    yield request
                request = event
        if request is not None:
            yield request

    def session(self, token: str) -> Account:
        """The account of this open session. Raises `Refusal` (session)."""
        if not self.is_open(token):
            raise Refusal(Kind.SESSION)
        return self.accounts[self._player_of[token]]

    def owner(self, token: str) -> Account | None:
        """The account whose session this is or was; None if the token was never given out."""
        player_id = self._player_of.get(token)
        return None if player_id is None else self.accounts[player_id]

    def account_of(self, reference: str) -> Account:
        """The account of the player of this hold. Raises `Refusal` (not_found), for a buried one too."""
        hold = self._find(reference)
        if hold.state is HoldState.BURIED:
            raise Refusal(Kind.NOT_FOUND)
        return self.accounts[hold.player_id]

    def reference_of(self, id: str) -> str:
        """The operator's name for the hold with this id of the game's, empty if there is none. For protocols whose
        requests do not all name the hold."""
        return next((hold.reference for hold in self.holds.values() if hold.id == id), "")

    def hold(self, account: Account, direction: Direction, reference: str, id: str, amount: Money) -> Account:
        """Takes or gives the amount. A repeat of the same hold changes nothing and gets the same answer.

        Raises `Refusal` (rolled_back, duplicate, currency, amount, funds).
        """
        hold = self.holds.get(reference)
        if hold is not None:
            return self._answer_repeat(hold, Booked(reference, direction, id, account.player_id, amount))
        if amount.currency != account.currency:
            raise Refusal(Kind.CURRENCY)
        if amount.amount < 0:
            raise Refusal(Kind.AMOUNT)
        if direction is Direction.WITHDRAW and amount.amount > account.balance:
            raise Refusal(Kind.FUNDS)
        self._record(Booked(reference, direction, id, account.player_id, amount))
        return account

    def confirm(self, reference: str, amount: Money | None = None) -> Account:
        """Makes a hold final. If an amount is given, it must be the held one. Raises `Refusal` (not_found, rolled_back,
        amount)."""
        hold = self._find(reference)
        if not hold.counts:
            raise Refusal(Kind.ROLLED_BACK)
        if amount not in {None, hold.amount}:
            raise Refusal(Kind.AMOUNT)
        if hold.state is HoldState.HELD:
            self._record(Ended(reference, HoldState.CONFIRMED))
        return self.accounts[hold.player_id]

    def undo(self, reference: str, to: Account | None = None) -> Account | None:
        """Gives back what a hold took, or takes back what it gave. `to` is who gets it, None for the hold's own player.

        Returns the account of the hold's player; None for a buried hold, which moved nothing. Raises `Refusal`
        (not_found; other for a confirmed hold).
        """
        hold = self._find(reference)
        if hold.state is HoldState.CONFIRMED:
            raise Refusal(Kind.OTHER)
        if hold.state is HoldState.HELD:
            given_to = "" if to is None or to.player_id == hold.player_id else to.player_id
            self._record(Ended(reference, HoldState.UNDONE, given_to))
        return self.accounts.get(hold.player_id)

    def record_early_rollback(self, direction: Direction, reference: str, id: str) -> None:
        """Remembers the rollback of a hold that has not come, so that the hold is refused if it comes later."""
        self._record(Buried(reference, direction, id))

    def violations(self) -> list[str]:
        """The players whose balance is not the sum of what was booked, one text each; empty if the books are right."""
        due = {account.player_id: account.opened_with for account in self.accounts.values()}
        for hold in self.holds.values():
            if hold.amount is None:
                continue
            change = _balance_change(hold.direction, hold.amount)
            if hold.counts or hold.given_to:
                due[hold.player_id] = _EXACT.add(due[hold.player_id], change)
            if hold.given_to:
                due[hold.given_to] = _EXACT.add(due[hold.given_to], change.copy_negate())
        return [
            f"{player_id} has {self.accounts[player_id].balance}, should have {balance}"
            for player_id, balance in due.items()
            if self.accounts[player_id].balance != balance
        ]

    def _answer_repeat(self, hold: Hold, repeat: Booked) -> Account:
        if not hold.counts:
            raise Refusal(Kind.ROLLED_BACK)
        same = (hold.direction, hold.id, hold.player_id, hold.amount)
        if same != (repeat.direction, repeat.id, repeat.player_id, repeat.amount):
            raise Refusal(Kind.DUPLICATE)
        return self.accounts[hold.player_id]

    def _find(self, reference: str) -> Hold:
        if reference not in self.holds:
            raise Refusal(Kind.NOT_FOUND)
        return self.holds[reference]

    def _record(self, event: Event) -> None:
        # The store first: if that fails, the books in memory have not changed either.
        self._store.append(event)
        self._apply(event)

    def _apply(self, event: Event) -> None:
        match event:
            case Enrolled(player_id, token, balance):
                self.accounts[player_id] = Account(player_id, token, balance.currency, balance.amount, balance.amount)
                self._player_of[token] = player_id
            case SessionOpened(player_id, token):
                self._player_of[token] = player_id
            case SessionEnded(token):
                self._ended_sessions.add(token)
            case Booked(reference, direction, id, player_id, amount):
                self.holds[reference] = Hold(reference, direction, id, HoldState.HELD, player_id, amount)
                self._add(player_id, _balance_change(direction, amount))
            case Ended(reference, state, given_to):
                self._end(self.holds[reference], state, given_to)
            case Buried(reference, direction, id):
                self.holds[reference] = Hold(reference, direction, id, HoldState.BURIED)
            case Seen() | Answered():
                pass

    def _end(self, hold: Hold, state: HoldState, given_to: str) -> None:
        assert hold.amount is not None
        hold.state = state
        hold.given_to = given_to
        if state is HoldState.UNDONE:
            self._add(given_to or hold.player_id, _balance_change(hold.direction, hold.amount).copy_negate())

    def _add(self, player_id: str, amount: Decimal) -> None:
        account = self.accounts[player_id]
        account.balance = _EXACT.add(account.balance, amount)


def _balance_change(direction: Direction, amount: Money) -> Decimal:
    """What a hold adds to the player's balance."""
    return amount.amount if direction is Direction.DEPOSIT else amount.amount.copy_negate()
