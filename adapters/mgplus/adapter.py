"""The wallet calls at an operator behind MG+.

A debit is final, and its round is finished later. So a withdraw is a debit that leaves its round open, the confirm
finishes the round with a credit of 0, the rollback cancels the debit. MG+ refuses a rollback after a credit: the
gateway never sends one after a confirm.

Source: MG+ Third-Party Game Provider Integration Guide v1.3.
"""

from __future__ import annotations

import re
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from adapters.mgplus.messages import CREDIT, DEBIT, READ, ROLLBACK, Answer, currency_of, error_code, read
from adapters.mgplus.settings import MgPlusSettings
from gateway.money import Money
from gateway.operators import (
    Adapter,
    Declined,
    HttpResponse,
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
    decimal_number,
    from_decimal,
    hmac_base64,
    hmac_hex,
    http_error,
    require_done,
    safe_id,
)

NAMESPACE: Final = UUID("ea08e41b-1973-47e3-b44a-5bf07c7de640")
"""Of the ids that do not fit MG+'s form. It must never change: a rollback would name nothing."""

ID: Final = re.compile(r"[A-Za-z0-9_.-]{1,255}", re.ASCII)
"""The form of every text that MG+ takes ("Data Structures and Schema")."""

ERROR_STATUSES: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.INTERNAL_SERVER_ERROR})
"""The HTTP statuses of the guide's errors ("Error Handling"): under another, a code may be anybody's."""

PLAYER_TOKEN: Final = "playerToken"  # noqa: S105 - the name under which it is remembered
CURRENCY: Final = "currency"


class MgPlus(Adapter):
    """A yes is HTTP 200 with our X-Request-ID and a balance, readable or not, and without an error. The balance is
    required of a hold, since proxies repeat that header too; a yes to an end may lack it. What an error code proves
    stands in `adapters.mgplus.messages`. An answer without our X-Request-ID proves nothing.

    Requests name the player by the token that `authenticate` gives. It is kept with the session, and is a secret.
    """

    interface = 1
    Settings = MgPlusSettings
    settings: MgPlusSettings

    needs_player = True
    fresh = frozenset({"header x-request-id"})

    async def verify_session(self, session: Session) -> Player:
        body = {"ip": str(self.settings.player_ip), "platform": self.settings.platform}
        answer = await self._post("v1/authenticate", {"launchToken": session.token, **self._game(), **body}, READ)
        player_id, token = answer.get("playerid"), answer.get("playertoken")
        if not isinstance(player_id, str) or not player_id:
            raise Unclear("the answer names no player")
        if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
            raise Unclear("the answer has no player token that can stand in a header")
        currency, multiplier = currency_of(answer)
        self._require_same_units(currency, multiplier)
        memory = {PLAYER_TOKEN: token, CURRENCY: currency}
        return Player(player_id=player_id, balance=self._balance(answer, currency), memory=memory)

    async def get_balance(self, session: Session) -> Money:
        if PLAYER_TOKEN in session.memory:
            answer = await self._post("v1/balance", self._player(session), READ, session)
            balance = self._balance(answer, session.memory.get(CURRENCY, ""))
        else:
            balance = (await self.verify_session(session)).balance
        if balance is None:
            raise Unclear("the answer has no balance that can be read")
        return balance

    async def withdraw(self, transfer: Transfer) -> Receipt:
        assert transfer.amount is not None
        self._require_players_currency(transfer.session, transfer.amount.currency)
        places = self.settings.currencies.places_of(transfer.amount.currency)
        amount = decimal_number(self.settings.currencies.operators_money(transfer.amount), places)
        answer = await self._move("hold", transfer, {"amount": amount, "transactionType": "debit"}, DEBIT)
        if "balance" not in answer:
            raise Unclear("the answer has no balance")
        return self._receipt(answer, transfer)

    async def confirm_withdrawal(self, transfer: Transfer) -> Receipt:
        if self.settings.confirm == "none":
            return Receipt()  # the debit was final
        credit = {"amount": 0, "transactionType": "credit", "roundFinished": True}
        return self._receipt(await self._move("confirm", transfer, credit, CREDIT), transfer)

    async def rollback_withdrawal(self, transfer: Transfer) -> Receipt:
        unknown: Meanings = dict.fromkeys(self.settings.unknown_debit, Kind.NOT_FOUND)
        body = self._transaction("hold", transfer)
        return self._receipt(await self._post("v1/rollback", body, {**ROLLBACK, **unknown}, transfer.session), transfer)

    async def _move(self, step: str, transfer: Transfer, members: Answer, meanings: Meanings) -> Answer:
        body = {**self._transaction(step, transfer), **members, "ip": str(self.settings.player_ip)}
        return await self._post("v1/transaction", body, meanings, transfer.session)

    async def _post(
        self, endpoint: str, body: dict[str, Any], meanings: Meanings, session: Session | None = None
    ) -> Answer:
        """The members of a yes, none of what was done before. Raises `Declined` or `Unclear`."""
        sent, request_id = encode(body), str(UUID(self.http.nonce()))
        headers = {
            "Content-Type": "application/json",
            "X-HMAC-Signature": self._signature(sent),
            "X-Request-ID": request_id,
            **({} if session is None else {"Authorization": f"Bearer {_player_token(session)}"}),
        }
        response = await self.http.post(self.settings.base_url + endpoint, sent, headers)
        if response.headers.get("x-request-id", "").lower() != request_id:
            raise _unnamed_error(response)
        if response.status in ERROR_STATUSES:
            require_done(meanings, error_code(response), f"HTTP {response.status}: {excerpt_of(response.body)}")
            return {}
        if response.status != HTTPStatus.OK:
            raise http_error(response)
        return _require_success(response)

    def _signature(self, sent: bytes) -> str:
        sign = hmac_hex if self.settings.signature_encoding == "hex" else hmac_base64
        return sign(self.settings.secret.get_secret_value(), sent, "sha256")

    def _transaction(self, step: str, transfer: Transfer) -> dict[str, Any]:
        return {
            **self._player(transfer.session),
            "transactionId": safe_id(NAMESPACE, transfer, step, ID),
            "roundId": safe_id(NAMESPACE, transfer, "round", ID),
        }

    def _player(self, session: Session) -> dict[str, Any]:
        return {"playerId": session.player_id, **self._game()}

    def _game(self) -> dict[str, Any]:
        return {"provider": self.settings.provider, "game": self.settings.game}

    def _receipt(self, answer: Answer, transfer: Transfer) -> Receipt:
        return Receipt(self._balance(answer, transfer.session.memory.get(CURRENCY, "")))

    def _balance(self, answer: Answer, currency: str) -> Money | None:
        """MG+ writes currencies in lower case; one that the settings do not name is the game's in upper case."""
        balance = from_decimal(answer.get("balance"), currency.upper())
        return None if balance is None else self.settings.currencies.games_money(balance)

    def _require_same_units(self, currency: str, multiplier: int | Decimal) -> None:
        """Raises `Unclear` if MG+ counts the player's currency in other units than the settings say: amounts would be
        wrong by that factor."""
        ours = self.settings.currencies.games_code(currency.upper())
        if self.settings.currencies.operators_money(Money(Decimal(multiplier), ours)).amount != 1:
            raise Unclear(
                f"the operator counts {multiplier} {ours} as one, which is not what `currencies.factors` says"
            )

    def _require_players_currency(self, session: Session, currency: str) -> None:
        """Raises `Declined` unless the player's wallet has this currency: a debit names none, and is taken in the
        player's."""
        theirs = session.memory.get(CURRENCY, "")
        if self.settings.currencies.operators_code(currency).casefold() != theirs.casefold():
            raise Declined(
                Kind.CURRENCY, f"the player's wallet is in {theirs or 'no known currency'}; nothing was sent"
            )


def _player_token(session: Session) -> str:
    token = session.memory.get(PLAYER_TOKEN)
    if not token:
        raise Unclear("the session was not verified, so that there is no player token; nothing was sent")
    return token


def _unnamed_error(response: HttpResponse) -> Unclear:
    if response.status == HTTPStatus.OK:
        return Unclear(f"the answer does not name our X-Request-ID: {excerpt_of(response.body)}")
    return http_error(response)


def _require_success(response: HttpResponse) -> Answer:
    answer = read(response)
    if answer.get("error") is not None:
        raise Unmapped(f"HTTP {response.status} with an error: {excerpt_of(response.body)}")
    if isinstance(answer.get("balance"), list | dict):
        raise Unclear(f"the answer's balance is not an amount: {excerpt_of(response.body)}")
    return answer
