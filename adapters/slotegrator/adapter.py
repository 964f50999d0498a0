"""The wallet calls at an operator that serves Slotegrator's GIS callbacks.

A withdraw is a bet and a deposit is a win, both final at once, so that a confirm sends nothing. Either is undone by a
`rollback`, not by a `refund`: the answer to a rollback lists what it has found, while a refund of an unknown bet is
answered like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from msgspec.structs import replace

from adapters.slotegrator.settings import SlotegratorSettings
from gateway.money import Money, money
from gateway.operators import (
    Adapter,
    Declined,
    Direction,
    Kind,
    ParkNow,
    Player,
    Receipt,
    Session,
    Transfer,
    Unclear,
    excerpt_of,
)
from gateway.toolbox import (
    Meanings,
    answer_members,
    decimal_text,
    excerpt_of_members,
    from_decimal,
    hmac_hex,
    http_error,
    operators_code,
    php_query,
    require_done,
    rollback_step,
    session_currency,
    session_player,
    transfer_uuid,
)

NAMESPACE: Final = UUID("581ecf65-f3f5-44f7-a20e-63cedde00b86")
"""The UUID namespace of every id that the operator sees. It must never change."""

OK: Final = 200
PLACES: Final = 4

ACTIONS: Final = {Direction.WITHDRAW: "bet", Direction.DEPOSIT: "win"}

# Everything else that an operator can say no with is INTERNAL_ERROR, which proves nothing.
BET: Final[Meanings] = {"INSUFFICIENT_FUNDS": Kind.FUNDS}
OTHERS: Final[Meanings] = {}

NEEDED: Final = frozenset({"error_code", "transaction_id", "rollback_transactions"})
"""The members that say what happened; all others only inform."""


class Slotegrator(Adapter):
    """A yes is HTTP 200 with a transaction_id of the operator's, and to a rollback with our id among those that were
    rolled back, whatever the balance is."""

    interface = 1
    Settings = SlotegratorSettings
    settings: SlotegratorSettings
    needs_player = True  # every request names the player_id
    fresh = frozenset({"header x-timestamp", "header x-nonce", "header x-sign"})

    async def verify_session(self, session: Session) -> Player:
        balance = await self._ask_balance(session)
        return Player(player_id=self._player(session), balance=balance)

    async def get_balance(self, session: Session) -> Money:
        balance = await self._ask_balance(session)
        if balance is None:
            raise Unclear("the answer has no balance that can be read")
        return balance

    async def withdraw(self, transfer: Transfer) -> Receipt:
        return await self._hold(transfer, BET)

    async def deposit(self, transfer: Transfer) -> Receipt:
        return await self._hold(transfer, OTHERS)

    async def confirm_withdrawal(self, transfer: Transfer) -> Receipt:
        return Receipt()  # the bet was final

    async def confirm_deposit(self, transfer: Transfer) -> Receipt:
        return Receipt()  # the win was final

    async def rollback_withdrawal(self, transfer: Transfer) -> Receipt:
        return await self._roll_back(transfer)

    async def rollback_deposit(self, transfer: Transfer) -> Receipt:
        return await self._roll_back(transfer)

    async def _hold(self, transfer: Transfer, meanings: Meanings) -> Receipt:
        params = {**self._caller(transfer.session, _currency(transfer)), **_hold_members(transfer)}
        members = await self._post({**params, "game_uuid": self.settings.game_uuid, "round_id": transfer.id}, meanings)
        return self._receipt(members, transfer, "transactionId")

    async def _roll_back(self, transfer: Transfer) -> Receipt:
        known = transfer
        if transfer.amount is None:
            # This gateway never saw the hold, which then most likely never came: 0 asks whether it exists, and only the
            # answer that it does not is believed.
            known = replace(transfer, amount=money(0, self._currency(transfer.session)))
        members = await self._post(self._rollback_params(known), OTHERS)
        _require_rolled_back(members, transfer_uuid(NAMESPACE, transfer, "hold"))
        if transfer.amount is None:
            raise ParkNow("there is a hold whose amount is not known here: a person must see what was moved back")
        return self._receipt(members, transfer, "rollbackTransactionId")

    def _rollback_params(self, transfer: Transfer) -> dict[str, object]:
        return {
            **self._caller(transfer.session, _currency(transfer)),
            "action": "rollback",
            "type": "rollback",
            "transaction_id": transfer_uuid(NAMESPACE, transfer, rollback_step(transfer)),
            "rollback_transactions": [_hold_members(transfer)],
            **dict.fromkeys(("round_id", "provider_round_id"), transfer.id),
            "game_uuid": self.settings.game_uuid,
        }

    async def _ask_balance(self, session: Session) -> Money | None:
        currency = self._currency(session)
        members = await self._post({"action": "balance", **self._caller(session, currency)}, OTHERS)
        balance = members.get("balance")
        if isinstance(balance, bool) or not isinstance(balance, str | int | Decimal):
            raise Unclear(f"the answer has no balance: {excerpt_of_members(members)}")
        return from_decimal(balance, currency)

    async def _post(self, params: Mapping[str, object], meanings: Meanings) -> dict[str, Any]:
        """The members of an answer that reports no error."""
        key, body = self.settings.merchant_key.get_secret_value(), php_query(params).encode("ascii")
        credentials = {
            "X-Merchant-Id": self.settings.merchant_id,
            "X-Timestamp": str(int(self.http.now())),
            "X-Nonce": self.http.nonce(),
        }
        signed = {**credentials, "X-Sign": sign({**params, **credentials}, key)}
        headers = {"Content-Type": "application/x-www-form-urlencoded", **signed}
        response = await self.http.post(self.settings.url, body, headers)
        if response.status != OK:
            raise http_error(response)
        members = answer_members(response, NEEDED)
        if members.get("error_code") is not None:
            require_done(meanings, members["error_code"], excerpt_of(response.body))
        return members

    def _receipt(self, members: dict[str, Any], transfer: Transfer, name: str) -> Receipt:
        """The receipt of a yes; `name` is under what the operator's id is remembered."""
        id = members.get("transaction_id")
        if isinstance(id, bool) or not isinstance(id, str | int) or id == "":
            raise Unclear(f"the answer has no transaction_id: {excerpt_of_members(members)}")
        return Receipt(from_decimal(members.get("balance"), _currency(transfer)), memory={name: str(id)})

    def _caller(self, session: Session, currency: str) -> dict[str, str]:
        code = operators_code(self.settings.currencies, currency)
        return {"player_id": self._player(session), "currency": code, "session_id": session.token}

    def _player(self, session: Session) -> str:
        """The player_id. Raises `Declined` (session) for a token of another form than agreed."""
        return session_player(self.settings.session_token, session)

    def _currency(self, session: Session) -> str:
        """The game's currency where no amount names one. Raises `Declined` as `_player` does."""
        settings = self.settings
        return session_currency(settings.session_token, session, settings.currencies, settings.currency)


def sign(params: Mapping[str, object], key: str) -> str:
    """X-Sign: HMAC-SHA1 over the parameters of body and headers, as PHP writes them in the order of their names."""
    return hmac_hex(key, php_query(params).encode("ascii"), "sha1")


def _hold_members(transfer: Transfer) -> dict[str, str]:
    """What names the bet or win, also in its rollback. Raises `Declined` for an amount that cannot be written."""
    assert transfer.amount is not None
    action, amount = ACTIONS[transfer.direction], decimal_text(transfer.amount, PLACES)
    id = transfer_uuid(NAMESPACE, transfer, "hold")
    return {"action": action, "amount": amount, "transaction_id": id, "type": action}


def _require_rolled_back(members: dict[str, Any], id: str) -> None:
    """Raises `Declined` (not found) for an empty list of what was rolled back, `Unclear` for one without this id."""
    found = members.get("rollback_transactions")
    if found == []:
        raise Declined(Kind.NOT_FOUND, "the operator never saw the transaction")
    if not isinstance(found, list) or id not in found:
        raise Unclear(f"the answer is not about this transaction: {excerpt_of_members(members)}")


def _currency(transfer: Transfer) -> str:
    assert transfer.amount is not None
    return transfer.amount.currency
