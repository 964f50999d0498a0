from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace
from pydantic import ValidationError

from adapters.mgplus import MgPlus, MgPlusSettings
from gateway.money import Money, money
from gateway.operators import (
    Declined,
    HttpResponse,
    Kind,
    ParkNow,
    Player,
    Receipt,
    Session,
    Transfer,
    Unclear,
    Unmapped,
)
from tests.support.adapters import NONCE, ScriptedHttp, answer
from tests.support.transfers import SESSION, TOKEN, a_transfer

REQUEST_ID = "e115cf0b-e2ec-5a12-e115-cf0be2ec5a12"
ECHO = {"x-request-id": REQUEST_ID}
VERIFIED = Session(
    operator="acme", token=TOKEN, player_id="44-1", memory={"playerToken": "player-token", "currency": "xag"}
)
CALLS = ("withdraw", "confirm_withdrawal", "rollback_withdrawal")
SETTINGS: dict[str, Any] = {
    "base_url": "https://mgplus.example/",
    "secret": "shared-secret",
    "provider": "studio",
    "game": "auction",
    "player_ip": "192.0.2.7",
}
AUTHENTICATED = {
    "playerId": "44-1",
    "playerToken": "player-token",
    "balance": 1500.5,
    "balanceInfo": {"currency": "xag", "currencyTruncation": 1},
}


def mgplus(*answers: HttpResponse, **settings: Any) -> tuple[MgPlus, ScriptedHttp]:
    http = ScriptedHttp(*answers)
    return MgPlus(MgPlusSettings.model_validate({**SETTINGS, **settings}), http), http


def echoed(body: object, status: int = 200, headers: dict[str, str] | None = None) -> HttpResponse:
    return replace(answer(body, status), headers=ECHO if headers is None else headers)


def error(code: object, status: int = 400) -> HttpResponse:
    return echoed({"error": {"code": code, "message": "No."}}, status)


def transfer(**fields: Any) -> Transfer:
    return a_transfer(**{"session": VERIFIED, **fields})


async def test_authenticate_gives_the_player_and_what_later_calls_need() -> None:
    adapter, http = mgplus(echoed(AUTHENTICATED))
    player = await adapter.verify_session(SESSION)
    assert player == Player(
        player_id="44-1",
        balance=money("1500.5", "XAG"),
        memory={"playerToken": "player-token", "currency": "xag"},
    )
    (posted,) = http.posted
    assert posted.url == "https://mgplus.example/v1/authenticate"
    assert posted.body == (
        b'{"launchToken":"%s","provider":"studio","game":"auction","ip":"192.0.2.7","platform":"desktop"}'
        % TOKEN.encode()
    )
    assert "Authorization" not in posted.headers


async def test_a_withdraw_is_a_debit_that_leaves_its_round_open() -> None:
    adapter, http = mgplus(echoed({"balance": 51570}))
    assert await adapter.withdraw(transfer()) == Receipt(money(51570, "XAG"))
    (posted,) = http.posted
    assert posted.url == "https://mgplus.example/v1/transaction"
    assert posted.body == (
        b'{"playerId":"44-1","provider":"studio","game":"auction","transactionId":"acme.withdraw.hold.1234abcd",'
        b'"roundId":"acme.withdraw.round.1234abcd","amount":230,"transactionType":"debit","ip":"192.0.2.7"}'
    )


async def test_a_confirm_finishes_the_round_with_a_credit_of_nothing() -> None:
    adapter, http = mgplus(echoed({"balance": 51570}))
    assert await adapter.confirm_withdrawal(transfer()) == Receipt(money(51570, "XAG"))
    assert http.posted[0].body == (
        b'{"playerId":"44-1","provider":"studio","game":"auction","transactionId":"acme.withdraw.confirm.1234abcd",'
        b'"roundId":"acme.withdraw.round.1234abcd","amount":0,"transactionType":"credit","roundFinished":true,'
        b'"ip":"192.0.2.7"}'
    )


async def test_a_rollback_names_the_debit_and_needs_no_amount() -> None:
    adapter, http = mgplus(echoed({"balance": 51800}))
    assert await adapter.rollback_withdrawal(transfer(amount=None)) == Receipt(money(51800, "XAG"))
    assert http.posted[0].url == "https://mgplus.example/v1/rollback"
    assert http.posted[0].body == (
        b'{"playerId":"44-1","provider":"studio","game":"auction","transactionId":"acme.withdraw.hold.1234abcd",'
        b'"roundId":"acme.withdraw.round.1234abcd"}'
    )


async def test_without_a_confirm_nothing_is_sent() -> None:
    adapter, http = mgplus(confirm="none")
    assert await adapter.confirm_withdrawal(transfer()) == Receipt()
    assert http.posted == []


@pytest.mark.parametrize("call", CALLS)
async def test_the_bytes_that_are_sent_are_signed_and_the_player_is_named_by_a_bearer_token(call: str) -> None:
    adapter, http = mgplus(echoed({"balance": 1}))
    await getattr(adapter, call)(transfer())
    (posted,) = http.posted
    assert posted.headers == {
        "Content-Type": "application/json",
        "X-HMAC-Signature": hmac.new(b"shared-secret", posted.body, hashlib.sha256).hexdigest(),
        "X-Request-ID": REQUEST_ID,
        "Authorization": "Bearer player-token",
    }
    assert REQUEST_ID.replace("-", "") == NONCE


async def test_a_signature_can_be_in_base64() -> None:
    adapter, http = mgplus(echoed({"balance": 1}), signature_encoding="base64")
    await adapter.withdraw(transfer())
    digest = hmac.new(b"shared-secret", http.posted[0].body, hashlib.sha256).digest()
    assert http.posted[0].headers["X-HMAC-Signature"] == b64encode(digest).decode()


async def test_an_id_that_mgplus_cannot_take_becomes_a_uuid_of_its_own() -> None:
    adapter, http = mgplus(*[echoed({"balance": 1})] * 3)
    for id in ("a/b", "a b", "a/b"):
        await adapter.withdraw(transfer(id=id))
    first, second, repeat = [posted.json["transactionId"] for posted in http.posted]
    assert first == repeat != second
    assert len(first) == 36


async def test_names_of_members_may_be_in_any_case() -> None:
    adapter, _ = mgplus(echoed({"Balance": 7}), echoed({"Error": {"Code": "INSUFFICIENT_FUNDS"}}, 400))
    assert await adapter.withdraw(transfer()) == Receipt(money(7, "XAG"))
    with pytest.raises(Declined):
        await adapter.withdraw(transfer())


@pytest.mark.parametrize(
    "code, kind",
    [
        ("PLAYER_UNAUTHORIZED", Kind.SESSION),
        ("REGION_BLOCKED", Kind.PLAYER),
        ("INVALID_REQUEST", Kind.OTHER),
        ("VALIDATION_FAILED", Kind.OTHER),
        ("SERVER_UNAUTHORIZED", Kind.OTHER),
    ],
)
@pytest.mark.parametrize("status", [400, 401, 500])
@pytest.mark.parametrize("call", CALLS)
async def test_an_error_that_is_not_retryable_declines_what_was_asked(
    call: str, code: str, kind: Kind, status: int
) -> None:
    adapter, _ = mgplus(error(code, status))
    with pytest.raises(Declined) as raised:
        await getattr(adapter, call)(transfer())
    assert raised.value.kind is kind
    assert code in raised.value.text


async def test_too_little_money_declines_a_debit_and_proves_nothing_of_an_end() -> None:
    adapter, _ = mgplus(*[error("INSUFFICIENT_FUNDS")] * 3)
    with pytest.raises(Declined) as raised:
        await adapter.withdraw(transfer())
    assert raised.value.kind is Kind.FUNDS
    for end in (adapter.confirm_withdrawal, adapter.rollback_withdrawal):
        with pytest.raises(Unmapped):
            await end(transfer())


@pytest.mark.parametrize("code", ["SESSION_EXPIRED", "DEBIT_FAILED", "CREDIT_FAILED", "RETRY_REQUIRED", "NEW", None, 7])
@pytest.mark.parametrize("call", CALLS)
async def test_a_retryable_or_unknown_error_proves_nothing(call: str, code: object) -> None:
    adapter, _ = mgplus(error(code, 500))
    with pytest.raises(Unmapped):
        await getattr(adapter, call)(transfer())


async def test_a_debit_that_was_rolled_back_acknowledges_the_rollback_alone() -> None:
    adapter, _ = mgplus(*[error("DEBIT_ROLLED_BACK")] * 3)
    assert await adapter.rollback_withdrawal(transfer()) == Receipt()
    with pytest.raises(Unmapped):
        await adapter.withdraw(transfer())
    with pytest.raises(ParkNow):
        await adapter.confirm_withdrawal(transfer())


async def test_the_settings_say_which_code_answers_the_rollback_of_an_unknown_debit() -> None:
    adapter, _ = mgplus(error("VALIDATION_FAILED"), unknown_debit=["VALIDATION_FAILED"])
    with pytest.raises(Declined) as raised:
        await adapter.rollback_withdrawal(transfer())
    assert raised.value.kind is Kind.NOT_FOUND


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(echoed({"balance": 1}, headers={}), id="no request id"),
        pytest.param(echoed({"balance": 1}, headers={"x-request-id": NONCE}), id="another request id"),
        pytest.param(echoed({"balance": [1]}), id="a list"),
        pytest.param(echoed([1]), id="no object"),
        pytest.param(echoed(b"<html>It works!</html>"), id="a web page"),
        pytest.param(echoed(b'{"balance":1,"Balance":2}'), id="a member twice"),
        pytest.param(echoed({"balance": 1, "error": {"code": "INSUFFICIENT_FUNDS"}}), id="an error under 200"),
        pytest.param(echoed({"balance": 1}, 201), id="201"),
        pytest.param(echoed({"balance": 1}, 500), id="a yes under 500"),
        pytest.param(error("INSUFFICIENT_FUNDS", 403), id="a code under another status"),
        pytest.param(
            echoed({"error": {"code": "DEBIT_ROLLED_BACK"}}, 400, headers={}), id="an error without the request id"
        ),
    ],
)
@pytest.mark.parametrize("call", CALLS)
async def test_what_is_not_a_clear_answer_is_unknown(call: str, said: HttpResponse) -> None:
    adapter, _ = mgplus(said)
    with pytest.raises(Unclear):
        await getattr(adapter, call)(transfer())


async def test_only_an_end_may_lack_its_balance() -> None:
    adapter, _ = mgplus(*[echoed({})] * 3)
    assert await adapter.confirm_withdrawal(transfer()) == Receipt()
    assert await adapter.rollback_withdrawal(transfer()) == Receipt()
    with pytest.raises(Unclear, match="no balance"):
        await adapter.withdraw(transfer())


async def test_a_balance_that_cannot_be_read_does_not_spoil_a_yes() -> None:
    adapter, _ = mgplus(echoed({"balance": "plenty"}))
    assert await adapter.withdraw(transfer()) == Receipt()


async def test_a_debit_in_another_currency_than_the_players_is_declined_unsent() -> None:
    adapter, http = mgplus()
    for session in (replace(VERIFIED, memory={"playerToken": "t", "currency": "eur"}), replace(VERIFIED, memory={})):
        with pytest.raises(Declined) as raised:
            await adapter.withdraw(transfer(session=session))
        assert raised.value.kind is Kind.CURRENCY
    assert http.posted == []


async def test_currencies_have_the_names_and_units_that_are_agreed() -> None:
    currencies = {"codes": {"XAG": "idr"}, "factors": {"XAG": 1000}}
    info = {"balanceInfo": {"currency": "idr", "currencyTruncation": 1000}}
    adapter, http = mgplus(echoed({**AUTHENTICATED, **info}), echoed({"balance": 2}), currencies=currencies)
    player = await adapter.verify_session(SESSION)
    assert player.balance == Money(Decimal(1500500), "XAG")
    session = replace(VERIFIED, memory=player.memory)
    assert await adapter.withdraw(transfer(session=session, amount=money(15500, "XAG"))) == Receipt(money(2000, "XAG"))
    assert http.posted[1].json["amount"] == 15.5


@pytest.mark.parametrize("info", [{"currency": "xag", "currencyTruncation": 1000}, {"currency": ""}, {}, None])
async def test_a_currency_that_is_counted_otherwise_than_agreed_is_unclear(info: object) -> None:
    adapter, _ = mgplus(echoed({**AUTHENTICATED, "balanceInfo": info}))
    with pytest.raises(Unclear):
        await adapter.verify_session(SESSION)


@pytest.mark.parametrize(
    "odd", [{"playerId": ""}, {"playerId": 7}, {"playerToken": None}, {"playerToken": "a\r\nX: y"}, {"playerToken": ""}]
)
async def test_an_authentication_without_a_usable_player_or_token_is_unclear(odd: dict[str, object]) -> None:
    adapter, _ = mgplus(echoed({**AUTHENTICATED, **odd}))
    with pytest.raises(Unclear):
        await adapter.verify_session(SESSION)


@pytest.mark.parametrize("call", ["confirm_withdrawal", "rollback_withdrawal"])
async def test_an_end_without_a_player_token_is_not_sent(call: str) -> None:
    adapter, http = mgplus()
    with pytest.raises(Unclear, match="not verified"):
        await getattr(adapter, call)(transfer(session=replace(VERIFIED, memory={})))
    assert http.posted == []


async def test_the_balance_of_a_session_that_was_not_verified_comes_with_its_authentication() -> None:
    adapter, http = mgplus(echoed(AUTHENTICATED), echoed({"balance": 9}))
    assert await adapter.get_balance(SESSION) == money("1500.5", "XAG")
    assert await adapter.get_balance(VERIFIED) == money(9, "XAG")
    assert [posted.url.rpartition("/")[2] for posted in http.posted] == ["authenticate", "balance"]


async def test_an_amount_with_more_digits_than_the_currency_has_is_declined_unsent() -> None:
    adapter, http = mgplus()
    with pytest.raises(Declined) as raised:
        await adapter.withdraw(transfer(amount=money("0.001", "XAG")))
    assert raised.value.kind is Kind.AMOUNT
    assert http.posted == []


async def test_no_error_tells_the_secret_or_the_player_token() -> None:
    said = [error("INVALID_REQUEST"), echoed({"balance": 1}, 503), echoed(b"?"), echoed({"balance": 1}, headers={})]
    adapter, _ = mgplus(*said)
    for _ in said:
        with pytest.raises((Declined, Unclear)) as raised:
            await adapter.withdraw(transfer())
        assert "player-token" not in raised.value.text
        assert "shared-secret" not in raised.value.text


async def test_a_deposit_is_declined_since_a_credit_needs_a_debit() -> None:
    adapter, http = mgplus()
    with pytest.raises(Declined, match="no deposits"):
        await adapter.deposit(transfer())
    assert http.posted == []


def test_only_an_ipv4_address_can_be_the_players() -> None:
    with pytest.raises(ValidationError, match="player_ip"):
        mgplus(player_ip="2001:db8::1")
