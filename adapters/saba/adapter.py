"""The wallet calls at an operator whose wallet serves Saba's sportsbook.

Its bets are made in two phases, as the game's withdrawals are: `placebet` holds, `confirmbet` makes the hold final,
`cancelbet` undoes it. Money is only given for a ticket that was confirmed, so there are no deposits.

Source: public implementations of the operator's side (docs/operators/saba.md).
"""

from __future__ import annotations

from http import HTTPStatus

from adapters.saba import messages
from adapters.saba.messages import CANCEL, CANCEL_OF_REFUSED, CONFIRM, LICENSEE_TX_ID, PLACE, READ, Body
from adapters.saba.settings import SabaSettings
from gateway.money import Money
from gateway.operators import Adapter, Player, Receipt, Session, Transfer, Unclear, Unmapped, encode, excerpt_of
from gateway.records import Fate
from gateway.toolbox import (
    Meanings,
    answer_members,
    excerpt_of_members,
    from_decimal,
    http_error,
    require_done,
    session_player,
)

HEADERS = {"Content-Type": "application/json"}
NEEDED = frozenset({"status", "error_code", "refId", "userId"})


class Saba(Adapter):
    """A yes is HTTP 200 with status 0, and to a hold with our refId too; answers to an end repeat nothing. Status 1 is
    a yes to an end: the same request was done before. An answer with an `error_code` is never a yes. The operator's own
    id of the bet is remembered, since the confirm names it.
    """

    interface = 1
    Settings = SabaSettings
    settings: SabaSettings

    async def verify_session(self, session: Session) -> Player:
        balance = self._balance(await self._ask_balance(session))
        return Player(player_id=session_player(self.settings.session_token, session), balance=balance)

    async def get_balance(self, session: Session) -> Money:
        balance = self._balance(await self._ask_balance(session))
        if balance is None:
            raise Unclear("the answer has no balance that can be read")
        return balance

    async def withdraw(self, transfer: Transfer) -> Receipt:
        answer = await self._post("placebet", messages.place_bet(transfer, self.settings), PLACE)
        if answer.get("refId") != messages.ref_id(transfer):
            raise Unclear(f"the answer does not name our refId: {excerpt_of_members(answer)}")
        operators_id = answer.get(LICENSEE_TX_ID)
        known = isinstance(operators_id, str | int) and not isinstance(operators_id, bool) and operators_id != ""
        return Receipt(self._balance(answer), {LICENSEE_TX_ID: str(operators_id)} if known else {})

    async def confirm_withdrawal(self, transfer: Transfer) -> Receipt:
        body = messages.confirm_bet(transfer, self.settings)
        return Receipt(self._balance(await self._post("confirmbet", body, CONFIRM)))

    async def rollback_withdrawal(self, transfer: Transfer) -> Receipt:
        body = messages.cancel_bet(transfer, self.settings)
        meanings = CANCEL_OF_REFUSED if transfer.fate is Fate.REFUSED else CANCEL
        return Receipt(self._balance(await self._post("cancelbet", body, meanings)))

    async def _ask_balance(self, session: Session) -> Body:
        body = messages.get_balance(session, self.settings)
        answer = await self._post("getbalance", body, READ)
        if answer.get("userId", body["userId"]) != body["userId"]:
            raise Unclear("the answer is about another player")
        return answer

    async def _post(self, endpoint: str, message: Body, meanings: Meanings) -> Body:
        """The members of a yes to this request. Raises `Declined` or `Unclear`."""
        sent = encode({"key": self.settings.key.get_secret_value(), "message": message})
        response = await self.http.post(self.settings.base_url + endpoint, sent, HEADERS)
        if response.status != HTTPStatus.OK:
            raise http_error(response)
        answer, text = answer_members(response, NEEDED), excerpt_of(response.body)
        if answer.get("error_code") is not None:
            raise Unmapped(text)
        status = answer.get("status")
        if isinstance(status, bool) or not isinstance(status, str | int):
            raise Unclear(f"the answer has no status: {text}")
        require_done(meanings, str(status), text)
        return answer

    def _balance(self, answer: Body) -> Money | None:
        balance = from_decimal(answer.get("balance"), self.settings.currency_code)
        return None if balance is None else self.settings.currencies.games_money(balance)
