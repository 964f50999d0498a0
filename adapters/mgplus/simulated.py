"""A simulated operator behind MG+, seen from the games' side.

Source: MG+ Third-Party Game Provider Integration Guide v1.3. Where the guide is silent (the rollback of a debit that
never came), it answers VALIDATION_FAILED, and its adapter's settings say so.
"""

from __future__ import annotations

import hmac
from decimal import Decimal
from typing import Any, Final, Literal

import msgspec

from gateway.money import Money
from gateway.operators import Direction, HttpResponse, Kind, Unclear, decode, encode
from gateway.sandbox.ledger import Account
from gateway.sandbox.simulated import Act, Meaning, Misunderstood, Order, Request, Simulated, Unknown

SECRET: Final = "sandbox-shared-secret"
TOKEN_PREFIX: Final = "player-token-of-"

ERROR_CODES: Final = {
    Kind.SESSION: "PLAYER_UNAUTHORIZED",
    Kind.PLAYER: "PLAYER_UNAUTHORIZED",
    Kind.FUNDS: "INSUFFICIENT_FUNDS",
    Kind.ROLLED_BACK: "DEBIT_ROLLED_BACK",
    Kind.NOT_FOUND: "VALIDATION_FAILED",
    Kind.OTHER: "RETRY_REQUIRED",
}
"""All others are INVALID_REQUEST."""

REFUSALS: Final = {
    "PLAYER_UNAUTHORIZED": Kind.SESSION,
    "REGION_BLOCKED": Kind.PLAYER,
    "INVALID_REQUEST": Kind.OTHER,
    "VALIDATION_FAILED": Kind.OTHER,
    "SERVER_UNAUTHORIZED": Kind.OTHER,
}
"""The errors after which a game stops, whatever it asked for, and why it was refused."""

RETRYABLE: Final = ("SESSION_EXPIRED", "DEBIT_FAILED", "CREDIT_FAILED", "RETRY_REQUIRED")


class _Body(msgspec.Struct, frozen=True):
    provider: Literal["sandbox-studio"]
    game: Literal["sandbox-game"]
    launchToken: str = ""
    playerId: str = ""
    transactionId: str = ""
    roundId: str = ""
    transactionType: Literal["debit", "credit", ""] = ""
    amount: int | Decimal = 0
    roundFinished: bool = False


class SimulatedMgPlus(Simulated):
    """Acknowledges an unknown rollback and cancels its round, so that the debit is refused if it comes later."""

    base_path = "/mgplus/"
    unknown_rollback = Unknown.ACKNOWLEDGE
    refusable_repeats = frozenset({Act.ROLLBACK})

    @classmethod
    def adapter_settings(cls, base_url: str) -> dict[str, Any]:
        return {
            "base_url": base_url,
            "secret": SECRET,
            "provider": "sandbox-studio",
            "game": "sandbox-game",
            "player_ip": "192.0.2.1",
            "unknown_debit": ["VALIDATION_FAILED"],
        }

    @classmethod
    def other_settings(cls) -> list[dict[str, Any]]:
        return [{"confirm": "none"}]

    @classmethod
    def codes(cls) -> tuple[str, ...]:
        return (*REFUSALS, *RETRYABLE, "INSUFFICIENT_FUNDS", "DEBIT_ROLLED_BACK")

    def meaning(self, code: str, act: Act, direction: Direction) -> Kind | Meaning:
        if act is Act.ROLLBACK and code == "VALIDATION_FAILED":
            return Kind.NOT_FOUND
        if code == "DEBIT_ROLLED_BACK" and act is not Act.HOLD:
            return Meaning.DONE if act is Act.ROLLBACK else Meaning.PARK
        if code == "INSUFFICIENT_FUNDS":
            return Kind.FUNDS if act is Act.HOLD else Meaning.UNKNOWN
        return REFUSALS.get(code, Meaning.UNKNOWN)

    def understand(self, request: Request) -> Order:
        echo = request.headers.get("x-request-id", "")
        signature = hmac.new(SECRET.encode(), request.body, "sha256").hexdigest()
        if not hmac.compare_digest(signature, request.headers.get("x-hmac-signature", "")):
            raise Misunderstood(_error("SERVER_UNAUTHORIZED", echo))
        try:
            body = msgspec.convert(decode(request.body), _Body)
            return self._order(request, body, echo)
        except (Unclear, ValueError):
            raise Misunderstood(_error("INVALID_REQUEST", echo)) from None

    def _order(self, request: Request, body: _Body, echo: str) -> Order:
        endpoint = request.path.removeprefix(self.base_path)
        if endpoint == "v1/authenticate":
            return Order(act=Act.VERIFY, token=body.launchToken, echo=echo)
        token = request.headers.get("authorization", "").removeprefix(f"Bearer {TOKEN_PREFIX}")
        act, id = _act_of(endpoint, body), body.roundId.rpartition("round.")[2]
        return Order(
            act=act,
            token=token,
            reference=self._debit_of(act, id, body.transactionId),
            id=id,
            amount=self._amount(token, body) if act is Act.HOLD else None,
            player=body.playerId,
            echo=echo,
        )

    def _debit_of(self, act: Act, id: str, transaction_id: str) -> str:
        """The debit that a request is about: a credit names it by the round alone. Raises `ValueError` for ids that do
        not go together."""
        debit = self.ledger.reference_of(id)
        if act is Act.CONFIRM and transaction_id in {"", debit}:
            raise ValueError("a credit without an id of its own")
        if act is Act.ROLLBACK and debit not in {"", transaction_id}:
            raise ValueError("a debit of another round")
        return debit if act is Act.CONFIRM else transaction_id

    def _amount(self, token: str, body: _Body) -> Money:
        """An amount is in the currency of the player's wallet."""
        account = self.ledger.owner(token)
        return Money(Decimal(body.amount), "" if account is None else account.currency)

    def yes(self, order: Order, account: Account) -> HttpResponse:
        body: dict[str, Any] = {"balance": account.balance}
        if order.act is Act.VERIFY:
            body |= {
                "playerId": account.player_id,
                "playerToken": TOKEN_PREFIX + order.token,
                "brand": "sandbox",
                "balanceInfo": {"currency": account.currency.lower(), "currencyTruncation": 1},
                "sessionInfo": {},
            }
        return _response(200, body, order.echo)

    def no(self, order: Order, kind: Kind) -> HttpResponse:
        return _error(ERROR_CODES.get(kind, "INVALID_REQUEST"), order.echo)

    def answer_code(self, order: Order, code: str) -> HttpResponse:
        return _error(code, order.echo)


def _act_of(endpoint: str, body: _Body) -> Act:
    """Raises `ValueError` for a request that the guide does not have."""
    match endpoint, body.transactionType:
        case "v1/balance", "":
            return Act.BALANCE
        case "v1/transaction", "debit" if not body.roundFinished:
            return Act.HOLD
        case "v1/transaction", "credit" if body.roundFinished and body.amount == 0:
            return Act.CONFIRM
        case "v1/rollback", "":
            return Act.ROLLBACK
        case _:
            raise ValueError("neither a debit, nor a credit of 0 that finishes its round, nor a rollback")


def _error(code: str, echo: str) -> HttpResponse:
    status = {"SERVER_UNAUTHORIZED": 401, "PLAYER_UNAUTHORIZED": 401, "RETRY_REQUIRED": 500}.get(code, 400)
    return _response(status, {"error": {"code": code, "message": f"{code} in the sandbox"}}, echo)


def _response(status: int, body: dict[str, Any], echo: str) -> HttpResponse:
    return HttpResponse(status, {"content-type": "application/json", "x-request-id": echo}, encode(body))
