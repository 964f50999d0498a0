from __future__ import annotations

import json
from itertools import product
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.softswiss import Softswiss, SoftswissSettings
from gateway.money import money
from gateway.operators import (
    Declined,
    Direction,
    HttpResponse,
    Kind,
    Player,
    Receipt,
    RetryLater,
    Session,
    Transfer,
    Unclear,
    Unmapped,
)
from gateway.toolbox import hmac_hex
from tests.support.adapters import ScriptedHttp, answer
from tests.support.transfers import a_transfer

TOKEN = "p1:0fabcdc4"
SESSION = Session(operator="acme", token=TOKEN, player_id="p1")
BET_ID = "6d705ab2-c33e-57a7-b9e0-399f3bff9c6a"
ROLLBACK_ID = "c8ccf8d7-fd67-5096-b7ba-62ffa15d6823"
V1 = {"version": "v1", "confirm": "none"}

MOVES = ("withdraw", "confirm_withdrawal", "rollback_withdrawal")
CALLS = ("verify_session", "get_balance", *MOVES)


def transfer(amount: str = "230.00", **fields: Any) -> Transfer:
    return a_transfer(**{"amount": money(amount, "EUR"), "session": SESSION, **fields})


def softswiss(*answers: HttpResponse, **settings: Any) -> tuple[Softswiss, ScriptedHttp]:
    http = ScriptedHttp(*answers)
    usual = {"base_url": "https://acme.example/w/", "auth_token": "unit-test-secret", "game_id": "dice"}
    return Softswiss(SoftswissSettings.model_validate({**usual, "currency": "EUR", **settings}), http), http


def moved(id: str = BET_ID, operators_id: str = "77", balance: object = "51800.00") -> HttpResponse:
    entry = {"id_provider": id, "id": operators_id, "bonus_amount": "0.00"}
    return answer({"round_id": "r", "transactions": [entry], "balance": balance})


def moved_in_v1(id: str = BET_ID, operators_id: str = "77") -> HttpResponse:
    entry = {"action_id": id, "tx_id": operators_id, "processed_at": "2026-11-28T00:00:00Z"}
    return answer({"balance": 5180000, "game_id": "r", "transactions": [entry]})


def refused(code: object, status: int = 400) -> HttpResponse:
    return answer({"code": "invalid_argument", "msg": "no", "meta": {"api_code": code, "api_message": "No."}}, status)


async def call(adapter: Softswiss, name: str) -> object:
    return await getattr(adapter, name)(SESSION if name in {"verify_session", "get_balance"} else transfer())


async def test_the_signature_of_the_published_body_is_the_vectors() -> None:
    body = (
        b'{"transactions":[{"type":"bet","id_provider":"tx-1","amount":"10.00"}],'
        b'"round_id":"r-1","game_id":"dice","currency":"EUR","account_id":"player_1"}'
    )
    signature = "dbfd6320f1982c5efb603da857e6c84267f297a7ea9157948091740a3fab65ce"
    assert hmac_hex("unit-test-secret", body, "sha256") == signature


async def test_every_request_is_signed_over_the_bytes_that_are_sent() -> None:
    adapter, http = softswiss(moved(), answer({"balance": "1"}), moved(ROLLBACK_ID))
    for name in MOVES:
        await call(adapter, name)
    signed = [hmac_hex("unit-test-secret", posted.body, "sha256") for posted in http.posted]
    assert [posted.headers["X-REQUEST-SIGN"] for posted in http.posted] == signed
    assert [posted.url.rpartition("/")[2] for posted in http.posted] == ["betwin", "finish", "rollback"]


# The ids stand here in full: were a new release to derive others, whatever is under way would be lost.
async def test_a_withdraw_is_a_bet_that_leaves_its_round_open() -> None:
    adapter, http = softswiss(moved())
    assert await adapter.withdraw(transfer()) == Receipt(money("51800", "EUR"), memory={"transactionId": "77"})
    assert http.posted[0].json == {
        "account_id": "p1",
        "currency": "EUR",
        "session_id": TOKEN,
        "game_id": "dice",
        "round_id": "1234abcd",
        "finished": False,
        "transactions": [{"id_provider": BET_ID, "type": "bet", "amount": "230.00"}],
    }


async def test_a_confirm_closes_the_bets_round() -> None:
    adapter, http = softswiss(answer({"balance": "5.00"}))
    assert await adapter.confirm_withdrawal(transfer()) == Receipt(money("5", "EUR"))
    assert http.posted[0].json == {
        "account_id": "p1",
        "currency": "EUR",
        "session_id": TOKEN,
        "round_id": "1234abcd",
    }


async def test_a_rollback_names_the_bet_and_has_an_id_of_its_own() -> None:
    adapter, http = softswiss(moved(ROLLBACK_ID))
    assert await adapter.rollback_withdrawal(transfer()) == Receipt(money("51800", "EUR"))
    assert http.posted[0].json == {
        "account_id": "p1",
        "currency": "EUR",
        "session_id": TOKEN,
        "game_id": "dice",
        "round_id_provider": "1234abcd",
        "finished": True,
        "transactions": [{"id_provider": ROLLBACK_ID, "type": "rollback", "original_id_provider": BET_ID}],
    }


async def test_version_1_has_names_and_amounts_of_its_own() -> None:
    adapter, http = softswiss(moved_in_v1(), moved_in_v1(ROLLBACK_ID), answer({"balance": 150}), **V1)
    assert await adapter.withdraw(transfer("2.5")) == Receipt(money("51800", "EUR"), memory={"transactionId": "77"})
    assert await adapter.rollback_withdrawal(transfer()) == Receipt(money("51800", "EUR"))
    assert await adapter.get_balance(SESSION) == money("1.5", "EUR")
    player = {"user_id": "p1", "currency": "EUR", "session_id": TOKEN, "game": "dice"}
    bet = {"action": "bet", "amount": 250, "action_id": BET_ID}
    rollback = {"action": "rollback", "action_id": ROLLBACK_ID, "original_action_id": BET_ID}
    assert [posted.json for posted in http.posted] == [
        {**player, "game_id": "1234abcd", "finished": False, "actions": [bet]},
        {**player, "game_id": "1234abcd", "finished": True, "actions": [rollback]},
        player,
    ]
    assert [posted.url.rpartition("/")[2] for posted in http.posted] == ["play", "rollback", "play"]


async def test_a_rollback_needs_neither_amount_nor_player() -> None:
    adapter, http = softswiss(moved(ROLLBACK_ID), session_token="{player}:{currency}:{session}")
    session = Session(operator="acme", token="p1:USD:0fab")
    await adapter.rollback_withdrawal(a_transfer(amount=None, session=session))
    assert (http.posted[0].json["account_id"], http.posted[0].json["currency"]) == ("p1", "USD")


async def test_the_session_is_the_player_of_its_token() -> None:
    adapter, http = softswiss(answer({"balance": "0.01"}))
    assert await adapter.verify_session(Session(operator="acme", token=TOKEN)) == Player(
        player_id="p1", balance=money("0.01", "EUR")
    )
    assert http.posted[0].json == {"account_id": "p1", "currency": "EUR", "session_id": TOKEN, "game_id": "dice"}


@pytest.mark.parametrize("name", CALLS)
async def test_a_token_of_another_form_is_declined_and_nothing_is_sent(name: str) -> None:
    adapter, http = softswiss()
    stranger = Session(operator="acme", token="0fabcdc4")
    with pytest.raises(Declined) as raised:
        await getattr(adapter, name)(
            stranger if name in {"verify_session", "get_balance"} else transfer(session=stranger)
        )
    assert (raised.value.kind, http.posted) == (Kind.SESSION, [])


async def test_where_there_is_no_confirm_nothing_is_sent() -> None:
    adapter, http = softswiss(confirm="none")
    assert await adapter.confirm_withdrawal(transfer()) == Receipt()
    assert http.posted == []


def test_version_1_cannot_close_rounds() -> None:
    with pytest.raises(ValidationError, match="write `confirm: none`"):
        softswiss(version="v1")


async def test_a_deposit_is_declined_and_nothing_is_sent() -> None:
    adapter, http = softswiss()
    with pytest.raises(Declined):
        await adapter.deposit(transfer(direction=Direction.DEPOSIT))
    assert http.posted == []


@pytest.mark.parametrize("settings", [{}, V1], ids=["v2", "v1"])
@pytest.mark.parametrize("amount", ["0.001", "1000000000000000000"])
async def test_an_amount_that_cannot_be_written_is_declined_and_nothing_is_sent(
    settings: dict[str, Any], amount: str
) -> None:
    adapter, http = softswiss(**settings)
    with pytest.raises(Declined) as raised:
        await adapter.withdraw(transfer(amount))
    assert (raised.value.kind, http.posted) == (Kind.AMOUNT, [])


async def test_currencies_are_sent_in_capitals_since_the_contract_refuses_others() -> None:
    adapter, http = softswiss(moved(), answer({"balance": "1"}), currency="eur")
    receipt = await adapter.withdraw(a_transfer(amount=money("1", "eur"), session=SESSION))
    await adapter.get_balance(SESSION)
    assert [posted.json["currency"] for posted in http.posted] == ["EUR", "EUR"]
    assert receipt.balance == money("51800", "eur")


async def test_currencies_are_translated_both_ways() -> None:
    currencies = {"codes": {"XAG": "USD"}, "places": {"XAG": 3}, "factors": {"XAG": 10}}
    adapter, http = softswiss(moved(), currencies=currencies)
    receipt = await adapter.withdraw(a_transfer(amount=money("12.3", "XAG"), session=SESSION))
    assert (http.posted[0].json["currency"], http.posted[0].json["transactions"][0]["amount"]) == ("USD", "1.230")
    assert receipt.balance == money("518000", "XAG")


@pytest.mark.parametrize(
    "code, kind",
    [
        ("100", Kind.FUNDS),
        ("105", Kind.LIMIT),
        ("106", Kind.LIMIT),
        ("101", Kind.PLAYER),
        ("107", Kind.PLAYER),
        ("110", Kind.PLAYER),
        ("153", Kind.PLAYER),
    ],
)
async def test_a_bet_is_declined_by_the_codes_of_funds_limits_and_players(code: str, kind: Kind) -> None:
    for adapter, _ in (
        softswiss(refused(code)),
        softswiss(answer({"code": int(code), "message": "No.", "balance": 1}, 412), **V1),
    ):
        with pytest.raises(Declined) as raised:
            await adapter.withdraw(transfer())
        assert raised.value.kind is kind


UNPROVEN = ["154", "155", "400", "403", "404", "405", "410", "500", "987654", 7]


@pytest.mark.parametrize(
    "name, code",
    [*product(CALLS, UNPROVEN), *((name, "409") for name in CALLS if name != "rollback_withdrawal")],
)
async def test_any_other_code_is_unknown_but_shows_an_operator_that_lives(name: str, code: object) -> None:
    adapter, _ = softswiss(refused(code))
    with pytest.raises(Unmapped):
        await call(adapter, name)


@pytest.mark.parametrize("code", ["100", "105", "106"])
@pytest.mark.parametrize("name", ["verify_session", "get_balance", "confirm_withdrawal", "rollback_withdrawal"])
async def test_funds_and_limits_answer_a_bet_alone(name: str, code: str) -> None:
    adapter, _ = softswiss(refused(code))
    with pytest.raises(Unmapped):
        await call(adapter, name)


@pytest.mark.parametrize("status", [401, 500, 503])
@pytest.mark.parametrize("name", MOVES)
async def test_a_code_under_another_status_proves_nothing(name: str, status: int) -> None:
    for code in ("100", "101", "409"):
        adapter, _ = softswiss(refused(code, status))
        with pytest.raises(Unmapped):
            await call(adapter, name)


async def test_a_rollback_that_was_done_before_is_done() -> None:
    adapter, _ = softswiss(refused("409"))
    assert await adapter.rollback_withdrawal(transfer()) == Receipt()


async def test_version_1_has_no_code_for_a_rollback_that_was_done_before() -> None:
    adapter, _ = softswiss(answer({"code": 409, "message": "No."}, 409), **V1)
    with pytest.raises(Unmapped):
        await adapter.rollback_withdrawal(transfer())


async def test_a_rollback_without_an_id_of_the_operators_found_nothing() -> None:
    for adapter, _ in (softswiss(moved(ROLLBACK_ID, "")), softswiss(moved_in_v1(ROLLBACK_ID, ""), **V1)):
        with pytest.raises(Declined) as raised:
            await adapter.rollback_withdrawal(transfer())
        assert raised.value.kind is Kind.NOT_FOUND


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(moved("another"), id="another transaction"),
        pytest.param(moved(operators_id=""), id="a bet without the operator's id"),
        pytest.param(answer({"balance": "1", "transactions": []}), id="no transaction"),
        pytest.param(answer({"balance": "1", "transactions": [BET_ID]}), id="a text for a transaction"),
        pytest.param(answer({"balance": "1", "transactions": [{"id_provider": BET_ID}]}), id="no id at all"),
        pytest.param(answer({"code": "internal", "transactions": []}), id="an error under HTTP 200"),
        pytest.param(answer({}), id="an empty object"),
        pytest.param(answer(b"<h1>It works!</h1>"), id="a web page"),
    ],
)
@pytest.mark.parametrize("name", ["withdraw", "rollback_withdrawal"])
async def test_what_is_no_clear_answer_is_no_success_and_no_decline(name: str, said: HttpResponse) -> None:
    adapter, _ = softswiss(said)
    with pytest.raises(Unclear):
        await call(adapter, name)


@pytest.mark.parametrize("said", [{}, {"balance": ["1"]}, {"balance": None}, {"balance": True}])
@pytest.mark.parametrize("name", ["confirm_withdrawal", "verify_session", "get_balance"])
async def test_an_answer_that_should_be_a_balance_and_is_none_is_unclear(name: str, said: dict[str, Any]) -> None:
    adapter, _ = softswiss(answer(said))
    with pytest.raises(Unclear):
        await call(adapter, name)


@pytest.mark.parametrize("balance", ["plenty", None, True, ["1"]])
async def test_a_yes_is_a_yes_whatever_its_balance(balance: object) -> None:
    adapter, _ = softswiss(moved(balance=balance), moved(ROLLBACK_ID, balance=balance))
    assert await adapter.withdraw(transfer()) == Receipt(memory={"transactionId": "77"})
    assert await adapter.rollback_withdrawal(transfer()) == Receipt()


async def test_a_busy_operator_says_when_it_wants_to_be_asked_again() -> None:
    adapter, _ = softswiss(HttpResponse(429, {"retry-after": "7"}, b""))
    with pytest.raises(RetryLater) as raised:
        await adapter.rollback_withdrawal(transfer())
    assert raised.value.after_s == 7


async def test_a_refusal_is_quoted() -> None:
    adapter, _ = softswiss(refused("100"))
    with pytest.raises(Declined) as raised:
        await adapter.withdraw(transfer())
    assert raised.value.text.startswith('HTTP 400, code 100: {"code": "invalid_argument"')


def test_the_secret_is_not_shown() -> None:
    adapter, _ = softswiss()
    assert "unit-test-secret" not in json.dumps(adapter.settings.model_dump(mode="json"))
