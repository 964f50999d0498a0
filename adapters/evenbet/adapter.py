"""The wallet calls at an operator that serves EvenBet's Seamless Wallet API.

A withdraw is a GetCash, which is final at once, so that a confirm sends nothing. It is undone by a Rollback with an id
of its own. Nothing in the contract undoes a ReturnCash, so that deposits, which may have to be undone, are declined.

Source: EvenBet's public documentation of the Seamless Wallet, pages "Setup & Security", "Money withdrawal request",
"Rollback transaction request" and "Error Codes Reference".
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from msgspec.structs import replace

from adapters.evenbet.settings import EvenBetSettings
from gateway.money import Money, money
from gateway.operators import (
    Adapter,
    Kind,
    ParkNow,
    Player,
    Receipt,
    Session,
    Transfer,
    Unclear,
    encode,
    excerpt_of,
)
from gateway.toolbox import (
    Meanings,
    Means,
    answer_members,
    from_minor_units,
    http_error,
    minor_units,
    require_done,
    rollback_step,
    session_currency,
    session_player,
    sha256_hex,
    transfer_uuid,
)

NAMESPACE: Final = UUID("5b4046e1-986e-4602-8b90-194c7e747a1d")
"""The UUID namespace of every id that the operator sees. It must never change."""

OK: Final = 200
MAX_UNITS: Final = 2**63 - 1

# 1 and 4 (signature, parameters) are mistakes in a configuration, which a person must see: they are left out, and a
# rollback follows. A refused player or session is refused before anything is booked, and perhaps at the rollback too.
BALANCE: Final[Meanings] = {0: Means.DONE, 2: Kind.PLAYER, 7: Kind.SESSION}
GET_CASH: Final[Meanings] = {**BALANCE, 3: Kind.FUNDS}
# 6: the GetCash has another amount, currency or player than each try of this rollback names.
ROLLBACK: Final[Meanings] = {**BALANCE, 5: Kind.NOT_FOUND, 6: Means.PARK}


class EvenBet(Adapter):
    """A yes is HTTP 200 with the number 0 as errorCode, whatever its balance is. Answers name no transaction."""

    interface = 1
    Settings = EvenBetSettings
    settings: EvenBetSettings
    needs_player = True  # every request names the userId

    async def verify_session(self, session: Session) -> Player:
        balance = await self._ask_balance(session)
        return Player(player_id=self._player(session), balance=balance)

    async def get_balance(self, session: Session) -> Money:
        balance = await self._ask_balance(session)
        if balance is None:
            raise Unclear("the answer has no balance that can be read")
        return balance

    async def withdraw(self, transfer: Transfer) -> Receipt:
        members = {"transactionId": transfer_uuid(NAMESPACE, transfer, "hold"), **self._round(transfer)}
        if self.settings.bet_type:
            members["betType"] = self.settings.bet_type
        return await self._move("GetCash", transfer, members, GET_CASH)

    async def confirm_withdrawal(self, transfer: Transfer) -> Receipt:
        return Receipt()  # the GetCash was final

    async def rollback_withdrawal(self, transfer: Transfer) -> Receipt:
        known = transfer
        if transfer.amount is None:
            # This gateway never saw the GetCash, which then most likely never came: 0 asks whether it exists, and only
            # the answer that it does not is believed.
            known = replace(transfer, amount=money(0, self._currency(transfer.session)))
        members = {
            "transactionId": transfer_uuid(NAMESPACE, transfer, rollback_step(transfer)),
            "referenceTransactionId": transfer_uuid(NAMESPACE, transfer, "hold"),
            **self._round(transfer),
        }
        receipt = await self._move("Rollback", known, members, ROLLBACK)
        if transfer.amount is None:
            raise ParkNow("there is a GetCash whose amount is not known here: a person must see what was given back")
        return receipt

    async def _move(self, method: str, transfer: Transfer, members: dict[str, Any], meanings: Meanings) -> Receipt:
        assert transfer.amount is not None
        currencies, currency = self.settings.currencies, transfer.amount.currency
        units = minor_units(currencies.operators_money(transfer.amount), currencies.places_of(currency), MAX_UNITS)
        body = {"method": method, **self._caller(transfer.session, currency), "amount": units, **members}
        return Receipt(self._balance(await self._post(body, meanings), currency))

    async def _ask_balance(self, session: Session) -> Money | None:
        currency = self._currency(session)
        body = {"method": "GetBalance", **self._caller(session, currency)}
        return self._balance(await self._post(body, BALANCE), currency)

    async def _post(self, body: dict[str, Any], meanings: Meanings) -> dict[str, Any]:
        """The members of the operator's yes."""
        # Serialised once: the signature is over the exact bytes that are sent.
        sent = encode(body)
        signature = sha256_hex(sent + self.settings.seamless_key.get_secret_value().encode())
        headers = {"Content-Type": "application/json", "sign": signature}
        response = await self.http.post(self.settings.url, sent, headers)
        if response.status != OK:
            raise http_error(response)
        members = answer_members(response, {"errorCode"})
        code = members.get("errorCode")
        if isinstance(code, bool) or not isinstance(code, int):
            raise Unclear(f"the answer has no number as errorCode: {excerpt_of(response.body)}")
        require_done(meanings, code, f"error {code}: {excerpt_of(response.body)}")
        return members

    def _caller(self, session: Session, currency: str) -> dict[str, Any]:
        client = {"clientId": self.settings.client_id} if self.settings.client_id else {}
        code = self.settings.currencies.operators_code(currency)
        return {"userId": self._player(session), "currency": code, "sessionId": session.token, **client}

    def _player(self, session: Session) -> str:
        """The userId. Raises `Declined` (session) for a token of another form than agreed."""
        return session_player(self.settings.session_token, session)

    def _currency(self, session: Session) -> str:
        """The game's currency where no amount names one. Raises `Declined` as `_player` does."""
        settings = self.settings
        return session_currency(settings.session_token, session, settings.currencies.codes, settings.currency)

    def _round(self, transfer: Transfer) -> dict[str, Any]:
        """What casino integrations want to know of the round."""
        return {} if self.settings.game_id is None else {"gameId": self.settings.game_id, "roundId": transfer.id}

    def _balance(self, members: dict[str, Any], currency: str) -> Money | None:
        currencies = self.settings.currencies
        code, places = currencies.operators_code(currency), currencies.places_of(currency)
        found = from_minor_units(members.get("balance"), code, places)
        return None if found is None else currencies.games_money(found)
