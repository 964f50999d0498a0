"""The wallet calls at an operator that speaks Groove's transaction API.

A withdraw is a wager. The contract has no confirm: a result of 0 completes the round. The rollback names the wager's
own transaction. Money is given only as the result of a wager or as a jackpot of a game, so there are no deposits.

Source: Groove's public documentation of the transaction API.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from msgspec.structs import replace

from adapters.groove.settings import Confirm, GrooveSettings
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
    excerpt_of,
)
from gateway.toolbox import (
    Meanings,
    Means,
    TokenParts,
    answer_members,
    decimal_text,
    from_decimal,
    games_code,
    hmac_hex,
    http_error,
    known_player,
    operators_code,
    query_of,
    require_done,
    sorted_values,
    transfer_uuid,
)

OK: Final = 200

NAMESPACE: Final = UUID("a15ee01f-8865-4766-bc8c-fa2493b7203c")
"""The UUID namespace of every id that the operator sees. It must never change: a rollback would name no wager."""

PLACES: Final = 10
INTEGER_DIGITS: Final = 22
"""Amounts are Decimal(32,10)."""

NEEDED: Final = frozenset({"code", "status", "accountid", "gamesessionid", "currency", "accounttransactionid"})
"""The members of an answer that say what happened, and to whom; all others only inform."""

READS: Final[Meanings] = {200: Means.DONE, 1000: Kind.SESSION, 1035: Kind.PLAYER}

WAGERS: Final[Meanings] = {**READS, 1006: Kind.FUNDS, 1019: Kind.LIMIT}
"""The operator checks session, limits and funds before it books a wager, and refuses it. The others prove nothing: 400
and 409 say that something is booked under this id, 1001 and 1003 are mistakes in a configuration."""

RESULTS: Final[Meanings] = {200: Means.DONE}  # 409 may be a round that was closed by this result, or by another one

ROLLBACKS: Final[Meanings] = {0: Means.DONE, 200: Means.DONE, 102: Kind.NOT_FOUND, 110: Means.PARK}
"""102: no such wager. 110: it has had its result, so that it can no more be rolled back."""


class Groove(Adapter):
    """A yes is HTTP 200 with code 200 (to a rollback also 0) and a status that begins with "Success"; to a wager with
    the operator's `accounttransactionid` too. The tables above say what other codes mean; any other is unknown."""

    interface = 1
    Settings = GrooveSettings
    settings: GrooveSettings

    needs_player = True  # every request names the account

    async def verify_session(self, session: Session) -> Player:
        asked = self._common_params(session)
        answer = await self._get("getaccount", asked, READS)
        account, currency = answer.get("accountid"), answer.get("currency")
        if not isinstance(account, str) or not account or account != asked.get("accountid", account):
            raise Unclear("the answer names no account, or another one")
        if answer.get("gamesessionid") != asked["gamesessionid"]:
            raise Unclear("the answer is about another session")
        if not isinstance(currency, str) or not currency.strip():
            raise Unclear("the answer names no currency, and no other answer does")
        # Its balance comes in parts: the gateway asks for the whole one.
        return Player(player_id=account, balance=None, memory={"currency": currency.strip()})

    async def get_balance(self, session: Session) -> Money:
        if not session.player_id or "currency" not in session.memory:
            player = await self.verify_session(session)
            session = replace(session, player_id=player.player_id, memory=player.memory)
        params = {**self._common_params(session), "nogsgameid": self.settings.game_id}
        balance = self._balance(await self._get("getbalance", params, READS), session)
        if balance is None:
            raise Unclear("the answer has no balance that can be read")
        return balance

    async def withdraw(self, transfer: Transfer) -> Receipt:
        assert transfer.amount is not None
        self._require_account_currency(transfer.amount, transfer.session)
        amount = decimal_text(transfer.amount, PLACES, padded=False, integer_digits=INTEGER_DIGITS)
        answer = await self._get("wager", self._params(transfer, "hold", betamount=amount), WAGERS)
        transaction_id = answer.get("accounttransactionid")
        if not isinstance(transaction_id, str) or not transaction_id:
            raise Unclear("the answer has no accounttransactionid")
        return Receipt(self._balance(answer, transfer.session), {"transactionId": transaction_id})

    async def confirm_withdrawal(self, transfer: Transfer) -> Receipt:
        if self.settings.confirm is Confirm.NONE:
            return Receipt()  # the wager was final
        params = self._params(transfer, "confirm", result="0", gamestatus="completed")
        return Receipt(self._balance(await self._get("result", params, RESULTS), transfer.session))

    async def rollback_withdrawal(self, transfer: Transfer) -> Receipt:
        answer = await self._get("rollback", self._params(transfer, "hold"), ROLLBACKS)
        return Receipt(self._balance(answer, transfer.session))

    def _require_account_currency(self, amount: Money, session: Session) -> None:
        """Raises `Declined` if the account may be in another currency: neither a wager nor its answer names one."""
        ours, theirs = operators_code(self.settings.currencies, amount.currency), session.memory.get("currency")
        if theirs is None or theirs.casefold() != ours.casefold():
            text = f"the player's account is in {theirs or 'an unknown currency'}, not {ours}; nothing was sent"
            raise Declined(Kind.CURRENCY, text)

    def _params(self, transfer: Transfer, step: str, **amounts: str) -> dict[str, str]:
        common = self._common_params(transfer.session)
        return {
            **common,
            "accountid": common.get("accountid") or known_player(transfer.session),
            "gameid": self.settings.game_id,
            "roundid": transfer.id,  # by which people find the game's transfer at the operator
            "transactionid": transfer_uuid(NAMESPACE, transfer, step),
            **amounts,
        }

    def _common_params(self, session: Session) -> dict[str, str]:
        template = self.settings.session_token
        parts = TokenParts.read(template, session.token) if template else {}
        account = session.player_id or parts.get("player", "")
        return {
            **({"accountid": account} if account else {}),
            "gamesessionid": parts.get("session", session.token),
            "device": "desktop",  # the game does not tell which
            "apiversion": "1.2",
        }

    def _balance(self, answer: dict[str, Any], session: Session) -> Money | None:
        """The whole balance, in the currency of the account. None if either is not known."""
        currency = session.memory.get("currency", "")
        return from_decimal(answer.get("balance"), games_code(self.settings.currencies, currency))

    async def _get(self, request: str, params: dict[str, str], meanings: Meanings) -> dict[str, Any]:
        """The operator's yes. Raises `Declined` for a clear no, `Unclear` for anything else."""
        query = query_of([("request", request), *params.items()])
        response = await self.http.get(
            f"{self.settings.url}?{query}", {"X-Groove-Signature": self._signature(request, params)}
        )
        if response.status != OK:
            raise http_error(response)
        answer = answer_members(response, NEEDED)
        code, status, said = answer.get("code"), answer.get("status"), excerpt_of(response.body)
        if isinstance(code, bool) or not isinstance(code, int) or not isinstance(status, str):
            raise Unclear(f"the answer has no code and status: {said}")
        require_done(meanings, code, said)
        if not status.casefold().startswith("success"):
            raise Unclear(f"the status is not that of the code: {said}")
        return answer

    def _signature(self, request: str, params: dict[str, str]) -> str:
        """HMAC-SHA256 over the values in the order of their names, of which `nogsgameid` counts as `gameid`."""
        signed = {"gameid" if name == "nogsgameid" else name: value for name, value in params.items()}
        included = self.settings.sign_request
        if included == "all" or (included == "transactions" and "transactionid" in params):
            signed["request"] = request
        return hmac_hex(self.settings.security_key.get_secret_value(), sorted_values(signed).encode(), "sha256")
