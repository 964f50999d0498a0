"""What each operator's protocol documents as a yes and as a no, read by other means than the adapter's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, NamedTuple

from gateway.money import MoneyError, canonical
from gateway.operators import Answer
from gateway.wire.calls import WalletCall
from tests.support.adapters import Posted

ID: Final = "1234abcd"
TOKEN: Final = "0fabcdc4-fe07-44f2-b968-93da3b324898"
CURRENCY: Final = "XAG"

LOOKS: Final = (WalletCall.VERIFY_SESSION, WalletCall.GET_BALANCE)
ROLLBACKS: Final = (WalletCall.ROLLBACK_WITHDRAWAL, WalletCall.ROLLBACK_DEPOSIT)


class Exchange(NamedTuple):
    """A request of the adapter and the operator's answer to it."""

    posted: Posted
    answer: Answer


Judge = Callable[[WalletCall, list[Exchange]], bool]


class Documented(NamedTuple):
    """Whether the exchanges of one call add up to the documented success, or prove that nothing was booked."""

    yes: Judge
    no: Judge


def content_of(answer: Answer) -> dict[str, Any]:
    """The JSON object that is the body; empty if it is none, or says a name twice."""
    try:
        found = json.loads(answer.body.decode(), parse_float=Decimal, object_pairs_hook=_said_once)
    except (ArithmeticError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _said_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("twice")
    return dict(pairs)


def quantum_yes(call: WalletCall, exchanges: list[Exchange]) -> bool:
    """HTTP 200, a balance, and what the call is about."""
    answer = exchanges[-1].answer
    said = content_of(answer)
    if answer.status != 200 or not _is_money(said.get("balance")):
        return False
    if call is WalletCall.VERIFY_SESSION:
        texts = [said.get(name) for name in ("nickname", "language", "country")]
        named = isinstance(said.get("playerId"), str) and said["playerId"] != ""
        return named and said.get("token") in (None, TOKEN) and all(map(_is_text_or_none, texts))
    return call is WalletCall.GET_BALANCE or said.get("mmTransactionId") == ID


def quantum_no(_call: WalletCall, exchanges: list[Exchange]) -> bool:
    """HTTP 500 with an error code that the settings name (those of the simulated operator)."""
    answer = exchanges[-1].answer
    code = content_of(answer).get("errorCode")
    return answer.status == 500 and code in {101, 102, 103, 104, 105, 106, 114}


def _is_money(value: Any) -> bool:
    if not isinstance(value, dict) or not _is_kept(value.get("amount")):
        return False
    return isinstance(value.get("currencyCode"), str) and value["currencyCode"] != ""


def _is_kept(amount: Any) -> bool:
    """Whether it is a number within the gateway's limits."""
    if not isinstance(amount, int | Decimal) or isinstance(amount, bool):
        return False
    try:
        canonical(amount)
    except MoneyError:
        return False
    return True


def _is_text_or_none(value: Any) -> bool:
    return value is None or isinstance(value, str)


ALREADY: Final = "RS_ERROR_TRANSACTION_ROLLED_BACK"
SESSION_IS_OVER: Final = frozenset({"RS_ERROR_INVALID_TOKEN", "RS_ERROR_TOKEN_EXPIRED", "RS_ERROR_USER_DISABLED"})


def hub88_yes(call: WalletCall, exchanges: list[Exchange]) -> bool:
    """HTTP 200, RS_OK to this very request, and a balance. Where nothing is left to do, the look at the balance may
    fail because the session is over."""
    statuses = [_hub88_status(exchange) for exchange in exchanges]
    if call is WalletCall.VERIFY_SESSION and not content_of(exchanges[-1].answer).get("user"):
        return False
    if _has_a_balance(exchanges[-1], call):
        return statuses[-1] == "RS_OK" and all(status in ("RS_OK", ALREADY) for status in statuses[:-1])
    looked = _endpoint(exchanges[-1]) == "user/balance" and statuses[-1] in SESSION_IS_OVER
    return looked and (call is WalletCall.CONFIRM_DEPOSIT or (call in ROLLBACKS and statuses[0] == ALREADY))


def hub88_no(call: WalletCall, exchanges: list[Exchange]) -> bool:
    """HTTP 200 and, to this very request, a status that proves that nothing was booked."""
    status = _hub88_status(exchanges[-1])
    if _endpoint(exchanges[-1]) == "user/balance":
        return status in SESSION_IS_OVER
    if call is WalletCall.WITHDRAW:
        return status in {"RS_ERROR_NOT_ENOUGH_MONEY", "RS_ERROR_LIMIT_REACHED"}
    return call in ROLLBACKS and status == "RS_ERROR_TRANSACTION_DOES_NOT_EXIST"


def _hub88_status(exchange: Exchange) -> str | None:
    said = content_of(exchange.answer)
    asked = exchange.posted.json
    is_about_it = said.get("request_uuid") == asked["request_uuid"] and said.get("user") in (None, asked.get("user"))
    status = said.get("status")
    return status if exchange.answer.status == 200 and is_about_it and isinstance(status, str) else None


def _has_a_balance(exchange: Exchange, call: WalletCall) -> bool:
    said = content_of(exchange.answer)
    currency = said.get("currency")
    right = isinstance(currency, str) and currency != "" if call in LOOKS else currency == CURRENCY
    return right and type(said.get("balance")) is int and _is_kept(Decimal(said["balance"]).scaleb(-5))


def _endpoint(exchange: Exchange) -> str:
    return "/".join(exchange.posted.url.split("/")[-2:])


DOCUMENTED: Final = {
    "hub88": Documented(hub88_yes, hub88_no),
    "quantum": Documented(quantum_yes, quantum_no),
}
"""By the adapter's name; an adapter that is not in here is not fuzzed."""
