"""A simulated operator that speaks Hub88's operator protocol.

Source: Hub88's public documentation of the operator API, sections "Response", "Statuses" and "Idempotency".
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from adapters.hub88.sandbox_key import SANDBOX_KEY
from gateway.money import Money, scaled, unscaled
from gateway.operators import Direction, HttpResponse, Kind, Unclear, decode, encode
from gateway.sandbox.ledger import Account
from gateway.sandbox.simulated import Act, Meaning, Misunderstood, Order, Request, Simulated
from gateway.toolbox import is_rsa_sha256_base64, read_rsa_key

DECIMAL_PLACES: Final = 5
KEY: Final = read_rsa_key(SANDBOX_KEY).public_key()

GAME: Final = "sandbox_game"
MOST: Final = 2**63 - 1

STATUSES: Final = {
    Kind.SESSION: "RS_ERROR_INVALID_TOKEN",
    Kind.FUNDS: "RS_ERROR_NOT_ENOUGH_MONEY",
    Kind.LIMIT: "RS_ERROR_LIMIT_REACHED",
    Kind.CURRENCY: "RS_ERROR_WRONG_CURRENCY",
    Kind.DUPLICATE: "RS_ERROR_DUPLICATE_TRANSACTION",
    Kind.ROLLED_BACK: "RS_ERROR_TRANSACTION_ROLLED_BACK",
    Kind.NOT_FOUND: "RS_ERROR_TRANSACTION_DOES_NOT_EXIST",
}


OTHER_STATUSES: Final = (
    "RS_ERROR_UNKNOWN",
    "RS_ERROR_INVALID_GAME",
    "RS_ERROR_WRONG_SYNTAX",
    "RS_ERROR_INVALID_SIGNATURE",
    "RS_ERROR_INVALID_PARTNER",
)
"""What else the contract has; none of these proves that nothing was booked."""

REFUSALS: Final = {
    "RS_ERROR_INVALID_TOKEN": Kind.SESSION,
    "RS_ERROR_TOKEN_EXPIRED": Kind.SESSION,
    "RS_ERROR_USER_DISABLED": Kind.PLAYER,
}

PROVEN: Final[dict[tuple[Act, Direction], dict[str, Kind | Meaning]]] = {
    (Act.HOLD, Direction.WITHDRAW): {
        "RS_ERROR_NOT_ENOUGH_MONEY": Kind.FUNDS,
        "RS_ERROR_LIMIT_REACHED": Kind.LIMIT,
    },
    **{
        (Act.ROLLBACK, direction): {
            "RS_ERROR_TRANSACTION_DOES_NOT_EXIST": Kind.NOT_FOUND,
            "RS_ERROR_TRANSACTION_ROLLED_BACK": Meaning.DONE,
        }
        for direction in Direction
    },
}
"""What each status proves in answer to which request, beside the refusals. Source: the contract's section "Statuses"
and "Timeout / retry duty of the caller"."""


class _Body(msgspec.Struct, frozen=True):
    """Any request. A member that this kind of request does not have is empty."""

    token: str
    request_uuid: str
    game_code: str
    user: str = ""
    transaction_uuid: str = ""
    reference_transaction_uuid: str = ""
    supplier_transaction_id: str = ""
    round: str = ""
    currency: str = ""
    amount: int = 0
    is_supplier_promo: bool = False
    round_closed: bool | None = None


class SimulatedHub88(Simulated):
    """Answers DOES_NOT_EXIST to an unknown rollback, and refuses that bet or win if it comes later."""

    base_path = "/hub88/"
    refusable_repeats = frozenset({Act.ROLLBACK})
    error_statuses = frozenset({200})
    final_holds = frozenset({Direction.DEPOSIT})

    @classmethod
    def adapter_settings(cls, base_url: str) -> dict[str, Any]:
        return {"base_url": base_url, "private_key": SANDBOX_KEY, "game_code": GAME}

    @classmethod
    def other_settings(cls) -> list[dict[str, Any]]:
        return [{"confirm": "none"}]

    @classmethod
    def codes(cls) -> tuple[str, ...]:
        return (*STATUSES.values(), "RS_ERROR_TOKEN_EXPIRED", "RS_ERROR_USER_DISABLED", *OTHER_STATUSES)

    def meaning(self, code: str, act: Act, direction: Direction) -> Kind | Meaning:
        proven = {**REFUSALS, **PROVEN.get((act, direction), {})}
        return proven.get(code, Meaning.UNKNOWN)

    def answer_code(self, order: Order, code: str) -> HttpResponse:
        return _response({"status": code, "request_uuid": order.echo})

    def understand(self, request: Request) -> Order:
        if not is_rsa_sha256_base64(KEY, request.body, request.headers.get("x-hub88-signature", "")):
            raise Misunderstood(_response({"status": "RS_ERROR_INVALID_SIGNATURE"}))
        endpoint = request.path.removeprefix(self.base_path)
        if endpoint not in _ORDERS or request.method != "POST":
            raise Misunderstood(HttpResponse(404, {}, b""))
        try:
            body = msgspec.convert(decode(request.body), _Body)
            if body.game_code != GAME:
                raise Misunderstood(_response({"status": "RS_ERROR_INVALID_GAME"}))
            return _ORDERS[endpoint](body)
        except (Unclear, ValueError):
            raise Misunderstood(_response({"status": "RS_ERROR_WRONG_SYNTAX"})) from None

    def yes(self, order: Order, account: Account) -> HttpResponse:
        return _response(
            {"status": "RS_OK", "request_uuid": order.echo, "user": account.player_id, **_balance(account)}
        )

    def no(self, order: Order, kind: Kind) -> HttpResponse:
        return _response({"status": STATUSES.get(kind, "RS_ERROR_UNKNOWN"), "request_uuid": order.echo})


def _balance_order(body: _Body) -> Order:
    return Order(act=Act.BALANCE, token=body.token, player=body.user, echo=body.request_uuid)


def _bet_order(body: _Body) -> Order:
    if body.round_closed is not False or not body.user:
        raise ValueError("a bet without a user, or one that leaves no round open for its win to close")
    return _transaction_order(body, Act.HOLD, Direction.WITHDRAW, body.transaction_uuid)


def _win_order(body: _Body) -> Order:
    """A promotion gives money; a win of 0 closes its bet's round."""
    if body.is_supplier_promo:
        return _transaction_order(body, Act.HOLD, Direction.DEPOSIT, body.transaction_uuid)
    if body.amount or not body.reference_transaction_uuid or not body.round_closed:
        raise ValueError("neither a promotion nor a win of 0 that names its bet and closes the round")
    return _transaction_order(body, Act.CONFIRM, Direction.WITHDRAW, body.reference_transaction_uuid)


def _rollback_order(body: _Body) -> Order:
    direction = Direction(body.supplier_transaction_id.partition(":")[0])
    return _transaction_order(body, Act.ROLLBACK, direction, body.reference_transaction_uuid)


_ORDERS: Final = {
    "user/balance": _balance_order,
    "transaction/bet": _bet_order,
    "transaction/win": _win_order,
    "transaction/rollback": _rollback_order,
}


def _transaction_order(body: _Body, act: Act, direction: Direction, reference: str) -> Order:
    if body.amount > MOST:
        raise ValueError("not a signed 64-bit integer")
    if act is not Act.HOLD and body.transaction_uuid in {"", body.reference_transaction_uuid}:
        raise ValueError("a transaction without an id of its own")
    return Order(
        act=act,
        direction=direction,
        token=body.token,
        reference=reference,
        id=body.round,
        amount=Money(unscaled(body.amount, DECIMAL_PLACES), body.currency) if act is Act.HOLD else None,
        player=body.user,
        echo=body.request_uuid,
    )


def _balance(account: Account) -> dict[str, Any]:
    return {"currency": account.currency, "balance": scaled(account.balance, DECIMAL_PLACES)}


def _response(body: dict[str, Any]) -> HttpResponse:
    return HttpResponse(200, {"content-type": "application/json"}, encode(body))
