"""The wallet calls at an operator whose wallet speaks Thunderkick's contract.

A bet is final, and its round ends with a win. So a withdraw is a bet, the confirm is a win of 0, the rollback undoes
the bet. Every win belongs to a round with a bet, so there are no deposits.

Source: public implementations of the operator's side (docs/operators/thunderkick.md).
"""

from __future__ import annotations

from typing import Any, Final

from adapters.thunderkick import messages
from adapters.thunderkick.messages import ACCOUNT_ID, BET, READ, ROLLBACK, WIN, Body
from adapters.thunderkick.settings import ThunderkickSettings
from gateway.money import Money
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
    Unmapped,
    encode,
    excerpt_of,
)
from gateway.toolbox import (
    Meanings,
    basic_auth,
    excerpt_of_members,
    from_decimal,
    games_code,
    require_done,
    rollback_step,
)

BET_ID: Final = "extBetTransactionId"
WIN_ID: Final = "extWinTransactionId"
ROLLBACK_ID: Final = "extRollbackTransactionId"
"""The operator's own id of what it has booked: the names of the members, and under which they are remembered."""


class Thunderkick(Adapter):
    """A yes is HTTP 200 with the operator's own id of what was booked, whatever the balances are. It is remembered, so
    that people can find it at the operator; no later request needs it. An empty id in answer to a rollback says that
    the operator never saw the bet. An answer does not repeat any id of ours.
    """

    interface = 1
    Settings = ThunderkickSettings
    settings: ThunderkickSettings

    def __init__(self, settings: ThunderkickSettings, http: Http) -> None:
        super().__init__(settings, http)
        basic = basic_auth(settings.username, settings.password.get_secret_value())
        self._headers = {"Authorization": basic, "Content-Type": "application/json"}

    async def verify_session(self, session: Session) -> Player:
        account = await self._ask_account(session)
        account_id = account.get(ACCOUNT_ID)
        memory = {ACCOUNT_ID: account_id} if isinstance(account_id, str) and account_id else {}
        return Player(
            player_id=messages.player_of(session, self.settings), balance=self._balance(account), memory=memory
        )

    async def get_balance(self, session: Session) -> Money:
        balance = self._balance(await self._ask_account(session))
        if balance is None:
            raise Unclear(f"the answer has no balance of type {self.settings.account_type} that can be read")
        return balance

    async def withdraw(self, transfer: Transfer) -> Receipt:
        path = f"bet/{messages.transaction_id(transfer, 'hold', self.settings)}"
        return self._receipt(await self._post(path, messages.bet(transfer, self.settings), BET, BET_ID), BET_ID)

    async def confirm_withdrawal(self, transfer: Transfer) -> Receipt:
        if self.settings.confirm == "none":
            return Receipt()  # the bet was final
        path = f"win/{messages.transaction_id(transfer, 'confirm', self.settings)}"
        return self._receipt(await self._post(path, messages.zero_win(transfer, self.settings), WIN, WIN_ID), WIN_ID)

    async def rollback_withdrawal(self, transfer: Transfer) -> Receipt:
        step = "hold" if self.settings.rollback_id == "bet" else rollback_step(transfer)
        path = f"rollbackbet/{messages.transaction_id(transfer, step, self.settings)}"
        answer = await self._post(path, messages.rollback(transfer, self.settings), ROLLBACK, ROLLBACK_ID)
        if answer.get(ROLLBACK_ID) == "":
            # The contract does not say that the operator will refuse a bet that comes after this answer: it is "not
            # found", so that the rollback is sent again later.
            raise Declined(Kind.NOT_FOUND, f"{ROLLBACK_ID} is empty: the operator does not know the bet")
        return self._receipt(answer, ROLLBACK_ID)

    def _receipt(self, answer: Body, meant: str) -> Receipt:
        """The operator's yes, with its own id of what was booked, the member `meant`. Raises `Unclear` without one."""
        operators_id = answer.get(meant)
        if not isinstance(operators_id, str) or not operators_id:
            raise Unclear(f"the answer has no {meant}: {excerpt_of_members(answer)}")
        accounts = answer.get("balances")
        account = self._account(accounts.get("moneyAccounts")) if isinstance(accounts, dict) else {}
        return Receipt(self._balance(account), {meant: operators_id})

    async def _ask_account(self, session: Session) -> Body:
        answer = await self._post("balances", messages.balances(session, self.settings), READ, "moneyAccounts")
        if not isinstance(answer.get("moneyAccounts"), list):
            raise Unclear(f"the answer has no moneyAccounts: {excerpt_of_members(answer)}")
        return self._account(answer["moneyAccounts"])

    async def _post(self, path: str, body: Body, meanings: Meanings, meant: str) -> Body:
        """The members of an answer under HTTP 200, `meant` among those that can be read. Raises `Declined` or
        `Unclear`."""
        response = await self.http.post(self.settings.base_url + path, encode(body), self._headers)
        text = f"HTTP {response.status}: {excerpt_of(response.body)}"
        require_done(meanings, messages.status_and_code(response), text)
        answer = messages.read(response, meant)
        if answer.get("errorCode") is not None:
            raise Unmapped(f"{text}, with an error")
        return answer

    def _account(self, accounts: Any) -> Body:
        return messages.account_in(accounts, self.settings.account_type)

    def _balance(self, account: Body) -> Money | None:
        balance = account.get("balance")
        if not isinstance(balance, dict) or not isinstance(balance.get("currency"), str):
            return None
        currency = games_code(self.settings.currencies, balance["currency"])
        return from_decimal(balance.get("amount"), currency)
