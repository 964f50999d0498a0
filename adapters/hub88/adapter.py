"""The wallet calls at an operator that speaks Hub88's operator protocol.

Its casino wallet has no confirm: a bet is final, and its round is closed later. So a withdraw is a bet that leaves its
round open, the confirm closes the round with a win of nothing, the rollback undoes the bet. A deposit is a win that
belongs to no bet (a supplier's promotion), final at once; its rollback undoes the win.
"""

from __future__ import annotations

from concurrent.futures import Executor
from typing import ClassVar, Final

from adapters.hub88 import requests
from adapters.hub88.meanings import MEANINGS, Call, Done
from adapters.hub88.messages import Said, Status, read
from adapters.hub88.requests import PLACES, Body
from adapters.hub88.settings import Confirm, Hub88Settings
from adapters.hub88.signing import SIGNER, read_key, signed
from gateway.money import Money, unchecked_money
from gateway.operators import (
    Adapter,
    Declined,
    Http,
    HttpResponse,
    Player,
    Receipt,
    Session,
    Transfer,
    Unclear,
    Unmapped,
    encode,
    http_error,
)

OK: Final = 200

ERROR: Final = "RS_ERROR"
"""How the statuses of errors begin."""


class Hub88(Adapter):
    """A yes is HTTP 200 with status RS_OK, our request_uuid and no other user, whatever its balance is. What another
    status means is said by the table of `adapters.hub88.meanings`; one that is not in it, or an HTTP error, is unknown.
    """

    Settings = Hub88Settings
    settings: Hub88Settings

    needs_player = True

    signer: ClassVar[Executor | None] = SIGNER
    """Where signatures are made. A simulation, in which nothing may run beside the loop, sets None."""

    def __init__(self, settings: Hub88Settings, http: Http) -> None:
        super().__init__(settings, http)
        self._key = read_key(settings.private_key.get_secret_value())

    async def verify_session(self, session: Session) -> Player:
        said = await self._look(session)
        if not said.user:
            raise Unclear("the answer names no user")
        return Player(player_id=said.user, balance=self._balance(said))

    async def get_balance(self, session: Session) -> Money:
        balance = self._balance(await self._look(session))
        if balance is None:
            raise Unclear("the answer has no balance that can be read")
        return balance

    async def withdraw(self, transfer: Transfer) -> Receipt:
        return await self._move(Call.BET, requests.bet(transfer, requests.units(transfer), self.settings))

    async def confirm_withdrawal(self, transfer: Transfer) -> Receipt:
        if self.settings.confirm is Confirm.NONE:
            return Receipt()  # the bet was final
        return await self._move(Call.ZERO_WIN, requests.zero_win(transfer, self.settings))

    async def rollback_withdrawal(self, transfer: Transfer) -> Receipt:
        return await self._move(Call.ROLLBACK, requests.rollback(transfer, self.settings))

    async def deposit(self, transfer: Transfer) -> Receipt:
        win = requests.promotion(transfer, requests.units(transfer), self.settings)
        return await self._move(Call.PROMOTION, win)

    async def confirm_deposit(self, transfer: Transfer) -> Receipt:  # noqa: ARG002 - the interface's
        return Receipt()  # the win was final

    async def rollback_deposit(self, transfer: Transfer) -> Receipt:
        return await self._move(Call.ROLLBACK, requests.rollback(transfer, self.settings))

    async def _move(self, call: Call, body: Body) -> Receipt:
        return Receipt(self._balance(await self._post(call, body)))

    async def _look(self, session: Session) -> Said:
        return await self._post(Call.LOOK, requests.balance(session, self.settings))

    async def _post(self, call: Call, body: Body) -> Said:
        """The operator's answer, if it is a yes to this request."""
        sent = encode(body)
        signature = await signed(self._key, sent, self.signer)
        headers = {"Content-Type": "application/json", "X-Hub88-Signature": signature}
        answer = await self.http.post(self.settings.base_url + call.endpoint, sent, headers)
        if answer.status != OK:
            raise _error_under_another_status(answer)
        said = read(answer)
        _must_answer(said, body)
        meaning = MEANINGS[call].get(said.status)
        if isinstance(meaning, Done) and not said.request_uuid:
            raise _unproven(said)
        if said.status != Status.OK and not isinstance(meaning, Done):
            raise Declined(meaning, said.status) if meaning else _unproven(said)
        return said

    def _balance(self, said: Said) -> Money | None:
        if said.balance is None or not said.currency:
            return None
        return unchecked_money(said.balance, self.settings.games_currency(said.currency), PLACES)


def _must_answer(said: Said, asked: Body) -> None:
    """Raises `Unclear` for an answer about something else. An error may leave out the request's id: it came as the
    answer to that request. What counts as a yes must name it, since a cache or a web server may answer so."""
    unnamed = not said.request_uuid and said.status.startswith(ERROR)
    if (said.request_uuid != asked["request_uuid"] and not unnamed) or said.user not in {
        "",
        asked.get("user", said.user),
    }:
        raise Unclear(f"the answer ({said.status}) is to another request, or about another user")


def _error_under_another_status(answer: HttpResponse) -> Unclear:
    """The contract answers under HTTP 200, so nothing under another status is proven; who knows its errors is alive."""
    try:
        status = read(answer).status
    except Unclear:
        status = ""
    return Unmapped(f"HTTP {answer.status}, {status}") if status.startswith(ERROR) else http_error(answer)


def _unproven(said: Said) -> Unclear:
    """Whoever answers with one of the protocol's errors is alive."""
    return Unmapped(said.status) if said.status.startswith(ERROR) else Unclear(f"the status is {said.status!r}")
