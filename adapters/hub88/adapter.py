"""The wallet calls at an operator that speaks Hub88's operator protocol.

Its casino wallet has no confirm: a bet is final, and its round is closed later. So a withdraw is a bet that leaves its
round open, the confirm closes the round with a win of nothing, the rollback undoes the bet. A deposit is a win that
belongs to no bet (a supplier's promotion), final at once; its rollback undoes the win.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from typing import ClassVar, Final

import msgspec

from adapters.hub88 import requests
from adapters.hub88.messages import Said, Status
from adapters.hub88.requests import PLACES, Body
from adapters.hub88.settings import Confirm, Hub88Settings
from adapters.hub88.signing import SIGNER, read_key, signed
from gateway.money import Money, unscaled
from gateway.operators import (
    Adapter,
    Declined,
    Http,
    Kind,
    Player,
    Receipt,
    Session,
    Transfer,
    Unclear,
    decode,
    encode,
)

OK: Final = 200

Declines = Mapping[str, Kind]
"""The statuses that prove that nothing was booked."""

LOOK_DECLINES: Final[Declines] = {
    Status.INVALID_TOKEN: Kind.SESSION,
    Status.TOKEN_EXPIRED: Kind.SESSION,
    Status.USER_DISABLED: Kind.PLAYER,
}

BET_DECLINES: Final[Declines] = {
    Status.NOT_ENOUGH_MONEY: Kind.FUNDS,
    Status.LIMIT_REACHED: Kind.LIMIT,
}
"""The contract wants a bet rolled back after any other error, so no other one proves that nothing was taken."""

ROLLBACK_DECLINES: Final[Declines] = {Status.DOES_NOT_EXIST: Kind.NOT_FOUND}

NO_DECLINES: Final[Declines] = {}


class Hub88(Adapter):
    """Success is HTTP 200 with status RS_OK, our request_uuid and a balance in the transfer's currency. An HTTP error,
    or a status that is not named above for the call, is unknown.
    """

    Settings = Hub88Settings
    settings: Hub88Settings

    signer: ClassVar[Executor | None] = SIGNER
    """Where signatures are made. A simulation, in which nothing may run beside the loop, sets None."""

    def __init__(self, settings: Hub88Settings, http: Http) -> None:
        super().__init__(settings, http)
        self._key = read_key(settings.private_key.get_secret_value())
        self._ours = {theirs: ours for ours, theirs in settings.currencies.items()}

    async def verify_session(self, session: Session) -> Player:
        said = await self._look(session)
        return Player(player_id=_named(said), balance=self._balance(said))

    async def get_balance(self, session: Session) -> Money:
        return self._balance(await self._look(session))

    async def withdraw(self, transfer: Transfer) -> Receipt:
        amount = requests.units(transfer)
        user = transfer.session.player_id or _named(await self._look(transfer.session))
        bet = requests.bet(transfer, amount, user, self.settings)
        return self._receipt(transfer, await self._post("transaction/bet", bet, BET_DECLINES))

    async def confirm_withdrawal(self, transfer: Transfer) -> Receipt:
        if self.settings.confirm is Confirm.NONE:
            return await self._as_it_stands(transfer)
        win = requests.zero_win(transfer, self.settings)
        return self._receipt(transfer, await self._post("transaction/win", win, NO_DECLINES))

    async def rollback_withdrawal(self, transfer: Transfer) -> Receipt:
        return await self._undo(transfer)

    async def deposit(self, transfer: Transfer) -> Receipt:
        win = requests.promotion(transfer, requests.units(transfer), self.settings)
        return self._receipt(transfer, await self._post("transaction/win", win, NO_DECLINES))

    async def confirm_deposit(self, transfer: Transfer) -> Receipt:
        return await self._as_it_stands(transfer)

    async def rollback_deposit(self, transfer: Transfer) -> Receipt:
        return await self._undo(transfer)

    async def _undo(self, transfer: Transfer) -> Receipt:
        rollback = requests.rollback(transfer, self.settings)
        said = await self._post("transaction/rollback", rollback, ROLLBACK_DECLINES, also_done=Status.ROLLED_BACK)
        if said.status == Status.ROLLED_BACK:  # an earlier try got through; its answer's balance is not repeated
            return await self._as_it_stands(transfer)
        return self._receipt(transfer, said)

    async def _as_it_stands(self, transfer: Transfer) -> Receipt:
        """Nothing is left to do. A session that has ended meanwhile shows no balance: then the hold's own is the last
        that is known."""
        try:
            return self._receipt(transfer, await self._look(transfer.session))
        except Declined:
            if transfer.hold_balance is None:
                raise
            return Receipt(transfer.hold_balance)

    async def _look(self, session: Session) -> Said:
        return await self._post("user/balance", requests.balance(session, self.settings), LOOK_DECLINES)

    async def _post(self, endpoint: str, body: Body, declines: Declines, also_done: Status = Status.OK) -> Said:
        """The operator's answer, if it is a yes to this request."""
        sent = encode(body)
        signature = await signed(self._key, sent, self.signer)
        headers = {"Content-Type": "application/json", "X-Hub88-Signature": signature}
        answer = await self.http.post(self.settings.base_url + endpoint, sent, headers)
        if answer.status != OK:
            raise Unclear(f"HTTP {answer.status}")
        said = msgspec.convert(decode(answer.body), Said)
        if said.request_uuid != body["request_uuid"] or said.user not in {None, body.get("user", said.user)}:
            raise Unclear("the answer is to another request, or about another user")
        if said.status not in {Status.OK, also_done}:
            raise _refusal(said.status, declines)
        return said

    def _receipt(self, transfer: Transfer, said: Said) -> Receipt:
        balance = self._balance(said)
        if transfer.amount is not None and balance.currency != transfer.amount.currency:
            raise Unclear("the answer's balance is in another currency")
        return Receipt(balance)

    def _balance(self, said: Said) -> Money:
        if said.balance is None or not said.currency:
            raise Unclear("the answer has no balance")
        return Money(unscaled(said.balance, PLACES), self._ours.get(said.currency, said.currency))


def _named(said: Said) -> str:
    if not said.user:
        raise Unclear("the answer names no user")
    return said.user


def _refusal(status: str, declines: Declines) -> Declined | Unclear:
    kind = declines.get(status)
    return Unclear(status) if kind is None else Declined(kind, status)
