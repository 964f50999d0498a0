"""The wallet calls at an operator that speaks Pragmatic Play's seamless wallet API.

A withdraw is a bet. The contract has no confirm: a result of 0 settles the bet, or `endRound` closes its round. The
rollback is a refund, which carries the bet's own reference. The requests of its promotions are not public in full, so
deposits are left out.

Source: Pragmatic Play's "Integration with casino games, API specification", seamless wallet.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from adapters.pragmatic.settings import Confirm, PragmaticSettings
from gateway.money import Money
from gateway.operators import (
    Adapter,
    Declined,
    Kind,
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
    decimal_text,
    encode_form,
    from_decimal,
    games_code,
    http_error,
    known_player,
    md5_hex,
    operators_code,
    require_done,
    sorted_pairs,
    transfer_hex,
    transfer_number,
)

OK: Final = 200
HEADERS: Final = {"Content-Type": "application/x-www-form-urlencoded"}

NAMESPACE: Final = UUID("433a9f5e-f4b3-4688-b130-1c38ecf49c40")
"""The UUID namespace of every id that the operator sees. It must never change: a refund would name no bet."""

PLACES: Final = 2
INTEGER_DIGITS: Final = 8
"""Amounts are Decimal(10,2)."""

NEEDED: Final = frozenset({"error", "transactionId", "userId"})
"""The members of an answer that say what happened, and to whom; all others only inform."""

READS: Final[Meanings] = {2: Kind.SESSION, 4: Kind.SESSION, 6: Kind.PLAYER}

BETS: Final[Meanings] = {1: Kind.FUNDS, 3: Kind.OTHER, 50: Kind.LIMIT, 310: Kind.LIMIT}
"""The codes after which the contract has a bet neither repeated nor refunded. 120 is one of them too, but an internal
error proves nothing. After all others (2 and 4, an ended session, too) it has the bet refunded."""

ENDS: Final[Meanings] = {120: Means.PARK, 310: Means.PARK}
"""The codes after which the contract has nothing sent again."""


class Pragmatic(Adapter):
    """A yes is HTTP 200 with ``"error": 0``, and to a bet, a result or a refund with the operator's `transactionId`. A
    refund's 0 without one is the contract's answer for a bet that the operator never saw: "not found", since the bet
    may still be on its way. The tables above say what other codes mean; a code outside them is unknown.
    """

    interface = 1
    Settings = PragmaticSettings
    settings: PragmaticSettings

    needs_player = True  # bets, results and refunds name their player, not the session

    async def verify_session(self, session: Session) -> Player:
        answer = await self._authenticate(session)
        player_id, currency = answer.get("userId"), answer.get("currency")
        if not isinstance(player_id, str) or not player_id:
            raise Unclear("the answer names no player")
        named = currency.strip() if isinstance(currency, str) else ""
        memory = {"currency": named} if named else {}
        return Player(player_id=player_id, balance=self._balance(answer), memory=memory)

    async def get_balance(self, session: Session) -> Money:
        params = {"userId": session.player_id, "token": session.token}
        asked = self._post("balance", params, READS) if session.player_id else self._authenticate(session)
        balance = self._balance(await asked)
        if balance is None:
            raise Unclear("the answer has no balance that can be read")
        return balance

    async def withdraw(self, transfer: Transfer) -> Receipt:
        assert transfer.amount is not None
        self._require_account_currency(transfer)
        amount = decimal_text(transfer.amount, PLACES, integer_digits=INTEGER_DIGITS)
        params = {**self._transaction_params(transfer, "hold", amount), "token": transfer.session.token}
        answer = await self._post("bet", params, BETS)
        return self._receipt(answer, transactionId=_id_of(answer))

    async def confirm_withdrawal(self, transfer: Transfer) -> Receipt:
        match self.settings.confirm:
            case Confirm.ZERO_WIN:
                params = self._transaction_params(transfer, "confirm", "0.00")
                return self._receipt(await self._post("result", params, ENDS))
            case Confirm.CLOSE_ROUND:
                return Receipt(self._balance(await self._post("endRound", self._round_params(transfer), ENDS)))
            case Confirm.NONE:
                return Receipt()  # the bet was final

    async def rollback_withdrawal(self, transfer: Transfer) -> Receipt:
        params = {**self._round_params(transfer), "reference": transfer_hex(NAMESPACE, transfer, "hold")}
        not_found: dict[str | int, Kind | Means] = dict.fromkeys(self.settings.not_found_codes, Kind.NOT_FOUND)
        answer = await self._post("refund", params, {**ENDS, **not_found})
        if not answer.get("transactionId"):
            raise Declined(Kind.NOT_FOUND, "the refund was accepted without a transactionId: there was no such bet")
        return self._receipt(answer)

    async def _authenticate(self, session: Session) -> dict[str, Any]:
        return await self._post("authenticate", {"token": session.token, "gameId": self.settings.game_id}, READS)

    def _require_account_currency(self, transfer: Transfer) -> None:
        """A bet has no currency: it is taken in the one of the player's account. Raises `Declined` if that is known
        and another. If it is not known, the gateway compares the currency of the answer."""
        assert transfer.amount is not None
        ours = operators_code(self.settings.currencies, transfer.amount.currency)
        theirs = transfer.session.memory.get("currency", ours)
        if theirs.casefold() != ours.casefold():
            raise Declined(Kind.CURRENCY, f"the player's account is in {theirs}, not {ours}; nothing was sent")

    def _transaction_params(self, transfer: Transfer, step: str, amount: str) -> dict[str, str]:
        return {
            **self._round_params(transfer),
            "amount": amount,
            "reference": transfer_hex(NAMESPACE, transfer, step),
            "timestamp": str(int(transfer.opened_at * 1000)),  # of the withdraw, so that it is the same on every try
        }

    def _round_params(self, transfer: Transfer) -> dict[str, str]:
        return {
            "userId": known_player(transfer.session),
            "gameId": self.settings.game_id,
            "roundId": str(transfer_number(NAMESPACE, transfer, "round")),
            "roundDetails": transfer.id,  # by which people find the game's transfer at the operator
        }

    def _receipt(self, answer: dict[str, Any], **memory: str) -> Receipt:
        """The receipt of a bet, result or refund. Raises `Unclear` for a success without the operator's id."""
        if not _id_of(answer):
            raise Unclear("the answer has no transactionId")
        return Receipt(self._balance(answer), memory)

    def _balance(self, answer: dict[str, Any]) -> Money | None:
        currency = answer.get("currency")
        if not isinstance(currency, str):
            return None
        return from_decimal(answer.get("cash"), games_code(self.settings.currencies, currency.strip()))

    async def _post(self, method: str, params: dict[str, str], meanings: Meanings) -> dict[str, Any]:
        """The operator's yes. Raises `Declined` for a clear no, `Unclear` for anything else."""
        signed = {**params, "providerId": self.settings.provider_id}
        text = sorted_pairs(signed) + self.settings.secret_key.get_secret_value()
        body = encode_form([*signed.items(), ("hash", md5_hex(text.encode()))])
        response = await self.http.post(f"{self.settings.base_url}{method}.html", body, HEADERS)
        if response.status != OK:
            raise http_error(response)
        answer = answer_members(response, NEEDED)
        error, said = answer.get("error"), excerpt_of(response.body)
        if isinstance(error, bool) or not isinstance(error, int):
            raise Unclear(f"the answer has no error code: {said}")
        if error != 0:
            require_done(meanings, error, said)
        return answer


def _id_of(answer: dict[str, Any]) -> str:
    """The operator's id of a bet, result or refund, empty for none."""
    found = answer.get("transactionId")
    if isinstance(found, int) and not isinstance(found, bool):
        found = encode(found).decode()
    return found if isinstance(found, str) else ""
