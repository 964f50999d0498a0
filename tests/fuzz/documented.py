"""What each operator's protocol documents as a yes and as a no, read by other means than the adapter's own."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable
from decimal import Context, Decimal
from typing import Any, Final, NamedTuple

from gateway.money import MoneyError, canonical
from gateway.operators import HttpResponse
from gateway.wire.calls import WalletCall
from gateway.wire.members import members
from tests.support.adapters import Posted

ID: Final = "1234abcd"
TOKEN: Final = "0fabcdc4-fe07-44f2-b968-93da3b324898"
CURRENCY: Final = "XAG"

LOOKS: Final = (WalletCall.VERIFY_SESSION, WalletCall.GET_BALANCE)
ROLLBACKS: Final = (WalletCall.ROLLBACK_WITHDRAWAL, WalletCall.ROLLBACK_DEPOSIT)


class Exchange(NamedTuple):
    """A request of the adapter and the operator's answer to it."""

    posted: Posted
    answer: HttpResponse


Judge = Callable[[WalletCall, list[Exchange]], bool | None]


class Documented(NamedTuple):
    """Whether the exchanges of one call add up to the documented success, or prove that nothing was booked; None where
    the documents leave it open."""

    yes: Judge
    no: Judge


def content_of(answer: HttpResponse, needed: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The JSON object that is the body; empty if it is none, or if what is needed of it comes twice or cannot be read.
    What else cannot be read comes out as `UNREADABLE`."""
    body = answer.body.removeprefix(codecs.BOM_UTF8)
    try:
        found = _read(body)
    except UNREADABLE_ERRORS:
        found = _member_by_member(body, needed)
    return found if isinstance(found, dict) else {}


UNREADABLE: Final = object()
UNREADABLE_ERRORS: Final = (ArithmeticError, ValueError, RecursionError)


def _member_by_member(body: bytes, needed: frozenset[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    try:
        parts = members(body)
    except ValueError:
        return {}
    for raw_name, raw in parts:
        try:
            name = _read(raw_name)
        except UNREADABLE_ERRORS:
            continue
        if name in needed and (name in found or _readable(raw) is UNREADABLE):
            return {}
        found[name] = {} if name in found and raw.startswith(b"{") else UNREADABLE if name in found else _readable(raw)
    return found


def _readable(raw: bytes) -> Any:
    try:
        return _read(raw)
    except UNREADABLE_ERRORS:
        return {} if raw.startswith(b"{") else UNREADABLE


def _read(text: bytes) -> Any:
    found = json.loads(text.decode(), parse_float=Decimal, object_pairs_hook=_said_once, parse_constant=_no_number)
    json.dumps(found, ensure_ascii=False, default=str).encode()  # halves of surrogate pairs cannot be written
    return found


def _no_number(name: str) -> Any:
    raise ValueError(name)


def _said_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("twice")
    return dict(pairs)


MOVE_NEEDS: Final = frozenset({"mmTransactionId", "errorCode"})
QUANTUM_NEEDS: Final = {
    WalletCall.VERIFY_SESSION: frozenset({"playerId", "token", "errorCode"}),
    WalletCall.GET_BALANCE: frozenset({"errorCode"}),
}
FAILED: Final = frozenset({"error", "errors", "errorcode", "errordescription", "errormessage"})
HOLDS: Final = (WalletCall.WITHDRAW, WalletCall.DEPOSIT)


def quantum_yes(call: WalletCall, exchanges: list[Exchange]) -> bool | None:
    """HTTP 200, no error code, and what the call is about. A balance only informs, unless it was asked for."""
    answer = _of(call, exchanges).answer
    said = content_of(answer, QUANTUM_NEEDS.get(call, MOVE_NEEDS))
    if answer.status != 200 or not said or _tells_of_failure(said):
        return False
    if call is WalletCall.VERIFY_SESSION:
        return _is_text(said.get("playerId")) and said.get("token") in (None, TOKEN)
    if call is WalletCall.GET_BALANCE:
        return _has_money(said.get("balance"))
    return said.get("mmTransactionId") == ID and _moved(call, said)


def _moved(call: WalletCall, said: dict[str, Any]) -> bool | None:
    """Whether an answer without an error to a call that moves money, about ours, is a yes."""
    said.pop("errorCode", None)
    if any(value is UNREADABLE and name.casefold() in FAILED for name, value in said.items()):
        return None  # nobody can say whether an error is told
    if "balance" not in said and (call in HOLDS or said.keys() != {"mmTransactionId"}):
        return False
    return _in_our_currency(call, said.get("balance"), "currencyCode")


def quantum_no(call: WalletCall, exchanges: list[Exchange]) -> bool:
    """HTTP 500 with an error code that the settings name (those of the simulated operator), as a number or a text."""
    answer = _of(call, exchanges).answer
    said = content_of(answer, MOVE_NEEDS)
    code, about = said.get("errorCode"), said.get("mmTransactionId")
    if isinstance(about, str) and about != ID and call not in LOOKS:
        return False
    if isinstance(code, Decimal) and code.is_finite() and code == code.to_integral_value() and code.adjusted() < 4:
        code = int(code)
    return answer.status == 500 and str(code).strip() in {"101", "102", "103", "104", "105", "106", "114"}


def _tells_of_failure(said: dict[str, Any]) -> bool:
    """An errorCode that is not null, or another word for a failure that holds something."""
    others = any(
        value and value is not UNREADABLE and name.casefold() in FAILED
        for name, value in said.items()
        if name != "errorCode"
    )
    return said.get("errorCode") is not None or others or said.get("success") is False


def _of(call: WalletCall, exchanges: list[Exchange]) -> Exchange:
    """The exchange that moves money, where the call does: a balance may be asked for after it."""
    looks = ("getBalance", "balance")
    asked = [each for each in exchanges if call in LOOKS or each.posted.url.rpartition("/")[2] not in looks]
    return asked[-1]


def _has_money(balance: Any) -> bool | None:
    """Whether it holds an amount, as a number or a text that holds one; more digits than are kept may be refused."""
    if not isinstance(balance, dict) or not _is_text(balance.get("currencyCode")):
        return False
    amount = balance.get("amount")
    if isinstance(amount, str) and NUMBER.fullmatch(amount.strip()):
        amount = _decimal(amount.strip())
    if not isinstance(amount, int | Decimal) or isinstance(amount, bool):
        return False
    return _is_kept(Decimal(amount)) or None


NUMBER: Final = re.compile(r"-?[0-9]+([.][0-9]+)?([eE][+-]?[0-9]+)?")


def _decimal(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except ArithmeticError:
        return None


def _in_our_currency(call: WalletCall, balance: Any, member: str) -> bool | None:
    """True but for a hold with a balance in another currency, which may count as about another transfer."""
    currency = balance.get(member) if isinstance(balance, dict) else None
    other = isinstance(currency, str) and currency.strip().casefold() != CURRENCY.casefold()
    return None if call in HOLDS and other else True


def _is_kept(amount: Decimal) -> bool:
    """Whether it is within the gateway's limits."""
    try:
        canonical(amount)
    except MoneyError:
        return False
    return True


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value.strip() != ""


HUB88_NEEDS: Final = frozenset({"status", "request_uuid", "user"})
WHO_ASKS: Final = frozenset({"RS_ERROR_INVALID_TOKEN", "RS_ERROR_TOKEN_EXPIRED", "RS_ERROR_USER_DISABLED"})


def hub88_yes(call: WalletCall, exchanges: list[Exchange]) -> bool | None:
    """HTTP 200 and RS_OK to this very request, or that it was rolled back before. A balance only informs, unless it was
    asked for. The confirm of a deposit sends nothing."""
    if call is WalletCall.CONFIRM_DEPOSIT:
        return all(_endpoint(exchange) == "user/balance" for exchange in exchanges)
    exchange = _of(call, exchanges)
    said = content_of(exchange.answer, HUB88_NEEDS)
    status = _hub88_status(exchange)
    if call in LOOKS:
        named = call is WalletCall.GET_BALANCE or bool(said.get("user"))
        return status == "RS_OK" and named and (call is WalletCall.VERIFY_SESSION or _has_units(said))
    if status == "RS_ERROR_TRANSACTION_ROLLED_BACK":
        return call in ROLLBACKS
    return status == "RS_OK" and _in_our_currency(call, said, "currency")


def hub88_no(call: WalletCall, exchanges: list[Exchange]) -> bool:
    """HTTP 200 and, to this very request, a status that proves that nothing was booked."""
    status = _hub88_status(_of(call, exchanges), unnamed=True)
    if status in WHO_ASKS:
        return True
    if call is WalletCall.WITHDRAW:
        return status in {"RS_ERROR_NOT_ENOUGH_MONEY", "RS_ERROR_LIMIT_REACHED"}
    return call in ROLLBACKS and status == "RS_ERROR_TRANSACTION_DOES_NOT_EXIST"


def _hub88_status(exchange: Exchange, *, unnamed: bool = False) -> str | None:
    """The status of an answer to this request; `unnamed`: an error need not name it."""
    said = content_of(exchange.answer, HUB88_NEEDS)
    asked = exchange.posted.json
    uuid = said.get("request_uuid")
    named = str(uuid).lower() == asked["request_uuid"] or (unnamed and uuid in (None, ""))
    is_about_it = named and said.get("user") in (None, "", asked.get("user"))
    status = said.get("status")
    return status if exchange.answer.status == 200 and is_about_it and isinstance(status, str) else None


def _has_units(said: dict[str, Any]) -> bool | None:
    if not _is_text(said.get("currency")) or type(said.get("balance")) is not int:
        return False
    return _is_kept(Decimal(said["balance"]).scaleb(-5, Context(prec=5000))) or None


def _endpoint(exchange: Exchange) -> str:
    return "/".join(exchange.posted.url.split("/")[-2:])


DOCUMENTED: Final = {
    "hub88": Documented(hub88_yes, hub88_no),
    "quantum": Documented(quantum_yes, quantum_no),
}
"""By the adapter's name; an adapter that is not in here is not fuzzed."""
