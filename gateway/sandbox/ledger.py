"""A simulated operator's ledger: players, their money, what is held, and every request that ever came in.

It is a replay of its events, so a store that keeps those keeps everything (`gateway.sandbox.stores`). It does no
I/O of its own, and no clock or randomness touches it.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Context, Decimal, Inexact, InvalidOperation
from enum import StrEnum
from typing import Final, Protocol

import msgspec

from gateway.money import Money
from gateway.operators.errors import Kind
from gateway.records import Direction

_EXACT: Final = Context(prec=200, traps=[Inexact, InvalidOperation])


class Refusal(Exception):
    """The operator says no, and why."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(str(kind))
        self.kind = kind


class HoldState(StrEnum):
    """What became of a hold. `BURIED` was rolled back before it came, and is remembered so that it never counts."""

    HELD = "held"
    CONFIRMED = "confirmed"
    UNDONE = "undone"
    BURIED = "buried"


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
    """A session is over: its token opens nothing any more."""

    token: str


class Booked(msgspec.Struct, frozen=True, tag=True):
    """A hold moved the player's money. `reference` is the operator's name for it, `id` the game's."""

    reference: str
    direction: Direction
    id: str
    player_id: str
    amount: Money


class Ended(msgspec.Struct, frozen=True, tag=True):
    """A hold was confirmed or undone; `given_to` is who got the money of an undone one, empty for its own player."""

    reference: str
    state: HoldState
    given_to: str = ""


class Buried(msgspec.Struct, frozen=True, tag=True):
    """A hold that never came was rolled back."""

    reference: str
    direction: Direction
    id: str


class Seen(msgspec.Struct, frozen=True, tag=True):
    """One request as it arrived: the wire log. `at` is in Unix seconds; `call` is the wallet call it stands for, empty
    where the operator did not understand it; `fault` is what went wrong with it on purpose, empty for nothing."""

    at: float
    call: str
    id: str
    path: str
    body: bytes
    fault: str = ""


Event = Enrolled | SessionOpened | SessionEnded | Booked | Ended | Buried | Seen


class Store(Protocol):
    """Keeps events, in order."""

    def append(self, event: Event) -> None: ...
    def events(self) -> Iterator[Event]: ...
    def close(self) -> None: ...


class Account(msgspec.Struct):
    """A player's money: `opened_with` is what the account began with, `token` the first session's."""

    player_id: str
    token: str
    currency: str
    opened_with: Decimal
    balance: Decimal


class Hold(msgspec.Struct):
    """One movement of money. A buried one has no player and no amount. `given_to` is who got the money back when it was
    undone, empty for its own player."""

    reference: str
    direction: Direction
    id: str
    state: HoldState
    player_id: str = ""
    amount: Money | None = None
    given_to: str = ""

    @property
    def counts(self) -> bool:
        """Whether the player's balance is changed by it now."""
        return self.state in {HoldState.HELD, HoldState.CONFIRMED}


class Ledger:
    """What the operator knows. Methods that change it raise `Refusal` and then change nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.accounts: dict[str, Account] = {}
        self.holds: dict[str, Hold] = {}
        self._player_of: dict[str, str] = {}
        self._over: set[str] = set()
        for event in store.events():
            self._apply(event)

    def close(self) -> None:
        self._store.close()

    def enrol(self, player_id: str, token: str, balance: Money) -> None:
        """Opens an account and a session. Does nothing if the player has one."""
        if player_id not in self.accounts:
            self._record(Enrolled(player_id, token, balance))

    def open_session(self, player_id: str, token: str) -> None:
        """One more session of an enrolled player. Does nothing if the token was used before."""
        if token not in self._player_of:
            self._record(SessionOpened(player_id, token))

    def end_session(self, token: str) -> None:
        """Ends a session. Does nothing if there is none, or it is over."""
        if self.is_open(token):
            self._record(SessionEnded(token))

    def is_open(self, token: str) -> bool:
        """Whether this is the token of a session that is not over."""
        return token in self._player_of and token not in self._over

    def saw(self, seen: Seen) -> None:
        self._record(seen)

    def wire(self) -> Iterator[Seen]:
        """Every request in order of arrival."""
        return (event for event in self._store.events() if isinstance(event, Seen))

    def session(self, token: str) -> Account:
        """The account whose open session this is."""
        if not self.is_open(token):
            raise Refusal(Kind.SESSION)
        return self.accounts[self._player_of[token]]

    def owner(self, token: str) -> Account | None:
        """The account whose session this is or was; None if nobody ever had it."""
        player_id = self._player_of.get(token)
        return None if player_id is None else self.accounts[player_id]

    def hold(self, account: Account, direction: Direction, reference: str, id: str, amount: Money) -> Account:
        """Takes or gives the amount. The same hold again changes nothing and is answered the same."""
        known = self.holds.get(reference)
        if known is not None:
            return self._again(known, Booked(reference, direction, id, account.player_id, amount))
        if amount.currency != account.currency:
            raise Refusal(Kind.CURRENCY)
        if amount.amount < 0:
            raise Refusal(Kind.AMOUNT)
        if direction is Direction.WITHDRAW and amount.amount > account.balance:
            raise Refusal(Kind.FUNDS)
        self._record(Booked(reference, direction, id, account.player_id, amount))
        return account

    def confirm(self, reference: str, amount: Money | None = None) -> Account:
        """Makes a hold final; if an amount is given, it must be the held one."""
        known = self._known(reference)
        if not known.counts:
            raise Refusal(Kind.ROLLED_BACK)
        if amount not in {None, known.amount}:
            raise Refusal(Kind.AMOUNT)
        if known.state is HoldState.HELD:
            self._record(Ended(reference, HoldState.CONFIRMED))
        return self.accounts[known.player_id]

    def undo(self, reference: str, to: Account | None = None) -> Account | None:
        """Gives back what a hold took, or takes back what it gave; `to` is who gets it, None for the hold's own player.
        None for a buried one, which moved nothing."""
        known = self._known(reference)
        if known.state is HoldState.CONFIRMED:
            raise Refusal(Kind.OTHER)
        if known.state is HoldState.HELD:
            given_to = "" if to is None or to.player_id == known.player_id else to.player_id
            self._record(Ended(reference, HoldState.UNDONE, given_to))
        return self.accounts.get(known.player_id)

    def bury(self, direction: Direction, reference: str, id: str) -> None:
        """Remembers a rolled back hold that never came, so that it is refused if it comes late."""
        self._record(Buried(reference, direction, id))

    def violations(self) -> list[str]:
        """What does not add up; empty if the books are right."""
        due = {account.player_id: account.opened_with for account in self.accounts.values()}
        for hold in self.holds.values():
            if hold.amount is None:
                continue
            signed = _signed(hold.direction, hold.amount)
            if hold.counts or hold.given_to:
                due[hold.player_id] = _EXACT.add(due[hold.player_id], signed)
            if hold.given_to:
                due[hold.given_to] = _EXACT.add(due[hold.given_to], signed.copy_negate())
        return [
            f"{player_id} has {self.accounts[player_id].balance}, should have {balance}"
            for player_id, balance in due.items()
            if self.accounts[player_id].balance != balance
        ]

    def _again(self, known: Hold, wanted: Booked) -> Account:
        if not known.counts:
            raise Refusal(Kind.ROLLED_BACK)
        same = (known.direction, known.id, known.player_id, known.amount)
        if same != (wanted.direction, wanted.id, wanted.player_id, wanted.amount):
            raise Refusal(Kind.DUPLICATE)
        return self.accounts[known.player_id]

    def _known(self, reference: str) -> Hold:
        if reference not in self.holds:
            raise Refusal(Kind.NOT_FOUND)
        return self.holds[reference]

    def _record(self, event: Event) -> None:
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
                self._over.add(token)
            case Booked(reference, direction, id, player_id, amount):
                self.holds[reference] = Hold(reference, direction, id, HoldState.HELD, player_id, amount)
                self._add(player_id, _signed(direction, amount))
            case Ended(reference, state, given_to):
                self._end(self.holds[reference], state, given_to)
            case Buried(reference, direction, id):
                self.holds[reference] = Hold(reference, direction, id, HoldState.BURIED)
            case Seen():
                pass

    def _end(self, hold: Hold, state: HoldState, given_to: str) -> None:
        assert hold.amount is not None
        hold.state = state
        hold.given_to = given_to
        if state is HoldState.UNDONE:
            self._add(given_to or hold.player_id, _signed(hold.direction, hold.amount).copy_negate())

    def _add(self, player_id: str, amount: Decimal) -> None:
        account = self.accounts[player_id]
        account.balance = _EXACT.add(account.balance, amount)


def _signed(direction: Direction, amount: Money) -> Decimal:
    """What a hold adds to the player's balance."""
    return amount.amount if direction is Direction.DEPOSIT else amount.amount.copy_negate()
