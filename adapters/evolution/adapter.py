"""The wallet calls at an operator that speaks Evolution's One Wallet API.

A withdraw is a debit. The contract has no confirm: a credit of 0 settles the debit. The rollback is a cancel. All three
carry the same `refId`. What the contract gives without a debit, a promotion's payout, has no documented way to be
undone, so there are no deposits.

Source: Evolution's One Wallet API, requests check, balance, debit, credit and cancel.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from adapters.evolution.settings import Confirm, EvolutionSettings
from gateway.money import Money
from gateway.operators import (
    Adapter,
    Kind,
    ParkNow,
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
    Means,
    TokenParts,
    answer_members,
    decimal_number,
    derived_uuid,
    from_decimal,
    http_error,
    query_of,
    require_done,
    rollback_step,
    session_currency,
    transfer_uuid,
)

HTTP_OK: Final = 200
HEADERS: Final = {"Content-Type": "application/json"}

NAMESPACE: Final = UUID("cdb75629-64ed-41b4-a95e-9a8c14b78dc0")
"""The UUID namespace of every id that the operator sees. It must never change: a cancel would name no debit."""

NEEDED: Final = frozenset({"status", "uuid", "sid"})
"""The members of an answer that say what happened, and to whom; all others only inform."""

BUSY: Final[Meanings] = {"TEMPORARY_ERROR": Means.RETRY_LATER, "OPERATION_IN_PROCESS": Means.RETRY_LATER}

READS: Final[Meanings] = {**BUSY, "INVALID_SID": Kind.SESSION, "ACCOUNT_LOCKED": Kind.PLAYER}

DEBITS: Final[Meanings] = {
    **READS,
    "INSUFFICIENT_FUNDS": Kind.FUNDS,
    "BONUS_LIMIT_EXCEEDED": Kind.LIMIT,
    **{f"CASINO_LIMIT_EXCEEDED_{limit}": Kind.LIMIT for limit in ("TURNOVER", "SESSION_TIME", "STAKE", "LOSS")},
}
"""What is checked before a debit is booked. BET_ALREADY_EXIST says that it is booked, and FINAL_ERROR_ACTION_FAILED may
answer one that was cancelled: neither proves anything of this one."""

CREDITS: Final[Meanings] = {**BUSY, "FINAL_ERROR_ACTION_FAILED": Means.PARK}
"""BET_DOES_NOT_EXIST may be a debit that is still on its way."""

CANCELS: Final[Meanings] = {**CREDITS, "BET_DOES_NOT_EXIST": Kind.NOT_FOUND}

CANCELS_AFTER_NOT_FOUND: Final[Meanings] = {**CANCELS, "BET_ALREADY_SETTLED": Kind.NOT_FOUND}
"""Operators keep the cancel of a debit that they never saw, to refuse the debit if it comes later. To the next cancel
some say that the debit is settled: by the first one."""

Body = dict[str, Any]


class Evolution(Adapter):
    """A yes is HTTP 200 with status OK and our uuid. The tables above say what other statuses mean, and the setting
    `settled_is_done` what BET_ALREADY_SETTLED does; any other is unknown."""

    interface = 1
    Settings = EvolutionSettings
    settings: EvolutionSettings

    async def verify_session(self, session: Session) -> Player:
        body = {**self._session_members(session), "channel": {"type": "P"}, "uuid": _read_uuid(session, "check")}
        answer = await self._post("check", body, READS)
        if answer.get("sid") != body["sid"]:
            raise Unclear("the answer is about another session")
        return Player(player_id=body["userId"], balance=None)

    async def get_balance(self, session: Session) -> Money:
        currency = self._currency(session)
        members = {"game": None, "currency": currency, "uuid": _read_uuid(session, "balance")}
        answer = await self._post("balance", {**self._session_members(session), **members}, READS)
        balance = self._balance(answer, currency)
        if balance is None:
            raise Unclear("the answer has no balance that can be read")
        return balance

    async def withdraw(self, transfer: Transfer) -> Receipt:
        return await self._settle("debit", transfer, "hold", self._amount(transfer), DEBITS)

    async def confirm_withdrawal(self, transfer: Transfer) -> Receipt:
        if self.settings.confirm is Confirm.NONE:
            return Receipt()  # the debit was final
        return await self._settle("credit", transfer, "confirm", 0, self._with_settled(CREDITS))

    async def rollback_withdrawal(self, transfer: Transfer) -> Receipt:
        step = "hold" if self.settings.cancel_has_debits_id else rollback_step(transfer)
        # The amount is not known where this gateway never saw the debit, which then most likely never came: 0 asks
        # whether it exists, and only the answer that it does not is believed.
        amount = 0 if transfer.amount is None else self._amount(transfer)
        meanings = self._with_settled(CANCELS) if transfer.missing_at is None else CANCELS_AFTER_NOT_FOUND
        receipt = await self._settle("cancel", transfer, step, amount, meanings)
        if transfer.amount is None:
            raise ParkNow("there is a debit, but its amount is not known here: a person must see what was given back")
        return receipt

    async def _settle(self, method: str, transfer: Transfer, step: str, amount: object, meanings: Meanings) -> Receipt:
        """A debit, or a credit or cancel of it; `step` is whose `transaction.id` it carries."""
        currency = self._currency(transfer.session, transfer.amount)
        ids = {"id": transfer_uuid(NAMESPACE, transfer, step), "refId": transfer_uuid(NAMESPACE, transfer, "debit")}
        body = {
            **self._session_members(transfer.session),
            "currency": currency,
            # The round, by which people find the game's transfer at the operator.
            "game": {"id": transfer.id, "type": self.settings.game_type, "details": self._details()},
            "transaction": {**ids, "amount": amount},
            "uuid": transfer_uuid(
                NAMESPACE, transfer, rollback_step(transfer) if method == "cancel" else method, "request"
            ),
        }
        return Receipt(self._balance(await self._post(method, body, meanings), currency))

    def _details(self) -> Body:
        return {"table": {"id": self.settings.table_id, "vid": None}}

    def _amount(self, transfer: Transfer) -> object:
        assert transfer.amount is not None
        currencies = self.settings.currencies
        return decimal_number(
            currencies.operators_money(transfer.amount), currencies.places_of(transfer.amount.currency)
        )

    def _session_members(self, session: Session) -> Body:
        parts = TokenParts.read(self.settings.session_token, session.token)
        return {"sid": parts.get("session", session.token), "userId": session.player_id or parts["player"]}

    def _currency(self, session: Session, amount: Money | None = None) -> str:
        """The operator's code of the amount's currency, or without one of the session's."""
        currencies = self.settings.currencies
        if amount is not None:
            return currencies.operators_code(amount.currency)
        ours = session_currency(self.settings.session_token, session, currencies.codes, self.settings.currency)
        return currencies.operators_code(ours)

    def _with_settled(self, meanings: Meanings) -> Meanings:
        return {**meanings, "BET_ALREADY_SETTLED": Means.DONE} if self.settings.settled_is_done else meanings

    def _balance(self, answer: Body, currency: str) -> Money | None:
        """The balance, which the contract gives in the request's currency."""
        theirs = from_decimal(answer.get("balance"), currency)
        return None if theirs is None else self.settings.currencies.games_money(theirs)

    async def _post(self, method: str, body: Body, meanings: Meanings) -> Body:
        """The operator's yes to this request. Raises `Declined` for a clear no, `Unclear` for anything else."""
        query = query_of([("authToken", self.settings.auth_token.get_secret_value())])
        response = await self.http.post(f"{self.settings.base_url}{method}?{query}", encode(body), HEADERS)
        if response.status != HTTP_OK:
            raise http_error(response)
        answer = answer_members(response, NEEDED)
        status, uuid = answer.get("status"), answer.get("uuid") or ""
        known = isinstance(uuid, str) and uuid.lower() in {"", body["uuid"]}  # the same in either case (RFC 9562, 4)
        if not isinstance(status, str) or not status or not known:
            raise Unclear(f"the answer has no status, or is to another request: {excerpt_of(response.body)}")
        if status != "OK":
            require_done(meanings, status, excerpt_of(response.body))
        if not uuid:  # an error may leave it out, a yes may not
            raise Unmapped(f"the answer does not name its request: {excerpt_of(response.body)}")
        return answer


def _read_uuid(session: Session, method: str) -> str:
    """The id of a request that moves no money, which may be the same each time."""
    return derived_uuid(NAMESPACE, session.operator, session.token, method)
