from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.evolution import Evolution, EvolutionSettings
from gateway.money import Money, money
from gateway.operators import (
    Declined,
    HttpResponse,
    Kind,
    ParkNow,
    Player,
    Receipt,
    RetryLater,
    Session,
    Unclear,
    Unmapped,
)
from tests.support.adapters import Posted, ScriptedHttp, answer
from tests.support.transfers import a_transfer

SID = "0fabcdc4"
ANONYMOUS = Session(operator="acme", token=f"p1:{SID}")
KNOWN = Session(operator="acme", token=f"p1:{SID}", player_id="p1")
WITHDRAWAL = a_transfer(session=KNOWN)
AUTH_TOKEN = "s3cr3t V4lu3&"

DEBIT_ID = "4a6624ea-4d59-599f-b383-889ea04f963b"
REF_ID = "efaee41c-dfff-52b5-addc-55f09f9beeda"
DEBIT_UUID = "5fdede22-459b-572e-a5dd-39494fcc97ff"

LOOKS = ("verify_session", "get_balance")
ENDS = ("confirm_withdrawal", "rollback_withdrawal")
MOVES = ("withdraw", *ENDS)


class Operator(ScriptedHttp):
    """Answers each request with these members, and with the request's own uuid if they have none."""

    async def request(self, method: str, url: str, *, headers: Any = (), body: bytes | None = None) -> HttpResponse:
        said = await super().request(method, url, headers=headers, body=body)
        uuid = Posted("", body or b"", {}).json["uuid"].encode()
        return HttpResponse(said.status, said.headers, said.body.replace(b"ECHO", uuid))


def ok(**members: object) -> dict[str, Any]:
    usual = {"status": "OK", "sid": SID, "balance": 51800, "bonus": 7, "retransmission": False, "uuid": "ECHO"}
    return {**usual, **members}


def no(status: object, **members: object) -> dict[str, Any]:
    return {"status": status, **members}


def evolution(*said: object, status: int = 200, **settings: Any) -> tuple[Evolution, Operator]:
    http = Operator(*(answer(each, status) for each in said))
    usual = {
        "base_url": "https://acme.example/",
        "auth_token": AUTH_TOKEN,
        "currency": "XAG",
        "game_type": "purchase",
        "table_id": "table-9",
    }
    return Evolution(EvolutionSettings.model_validate({**usual, **settings}), http), http


async def call(adapter: Evolution, name: str) -> Any:
    return await getattr(adapter, name)(KNOWN if name in LOOKS else WITHDRAWAL)


# The ids stand here in full: were a new release to derive others, whatever is under way would be lost.
async def test_a_withdraw_is_a_debit() -> None:
    adapter, http = evolution(ok())
    assert await adapter.withdraw(WITHDRAWAL) == Receipt(money("51800", "XAG"))
    assert http.posted[0].url == "https://acme.example/debit?authToken=s3cr3t%20V4lu3%26"
    assert http.posted[0].headers == {"Content-Type": "application/json"}
    assert http.posted[0].json == {
        "sid": SID,
        "userId": "p1",
        "currency": "XAG",
        "game": {"id": "1234abcd", "type": "purchase", "details": {"table": {"id": "table-9", "vid": None}}},
        "transaction": {"id": DEBIT_ID, "refId": REF_ID, "amount": 230},
        "uuid": DEBIT_UUID,
    }


async def test_a_confirm_is_a_credit_of_nothing_for_the_same_debit() -> None:
    adapter, http = evolution(ok())
    assert await adapter.confirm_withdrawal(WITHDRAWAL) == Receipt(money("51800", "XAG"))
    sent = http.posted[0].json
    assert http.posted[0].url.startswith("https://acme.example/credit?")
    assert (sent["transaction"]["refId"], sent["transaction"]["amount"]) == (REF_ID, 0)
    assert sent["transaction"]["id"] != DEBIT_ID
    assert sent["uuid"] != DEBIT_UUID


@pytest.mark.parametrize("shared", [False, True])
async def test_a_rollback_is_a_cancel_of_the_whole_debit(shared: bool) -> None:
    adapter, http = evolution(ok(), cancel_has_debits_id=shared)
    assert await adapter.rollback_withdrawal(WITHDRAWAL) == Receipt(money("51800", "XAG"))
    sent = http.posted[0].json
    assert http.posted[0].url.startswith("https://acme.example/cancel?")
    assert (sent["transaction"]["refId"], sent["transaction"]["amount"]) == (REF_ID, 230)
    assert (sent["transaction"]["id"] == DEBIT_ID) is shared
    assert sent["uuid"] != DEBIT_UUID


@pytest.mark.parametrize("said", [ok(), no("BET_ALREADY_SETTLED", uuid="ECHO")])
async def test_a_cancel_of_an_unknown_amount_that_was_booked_is_parked_at_once(said: dict[str, Any]) -> None:
    adapter, http = evolution(said, settled_is_done=True)
    with pytest.raises(ParkNow):
        await adapter.rollback_withdrawal(a_transfer(session=KNOWN, amount=None))
    assert (http.posted[0].json["transaction"]["amount"], http.posted[0].json["currency"]) == (0, "XAG")


async def test_a_cancel_of_an_unknown_amount_that_is_refused_is_unknown() -> None:
    adapter, _ = evolution(no("INVALID_PARAMETER"), settled_is_done=True)
    with pytest.raises(Unmapped) as raised:
        await adapter.rollback_withdrawal(a_transfer(session=KNOWN, amount=None))
    assert type(raised.value) is Unmapped


async def test_a_cancel_of_an_unknown_amount_finds_that_there_is_no_debit() -> None:
    adapter, _ = evolution(no("BET_DOES_NOT_EXIST"))
    with pytest.raises(Declined) as raised:
        await adapter.rollback_withdrawal(a_transfer(session=KNOWN, amount=None))
    assert raised.value.kind is Kind.NOT_FOUND


async def test_a_confirm_can_send_nothing() -> None:
    adapter, http = evolution(confirm="none")
    assert await adapter.confirm_withdrawal(WITHDRAWAL) == Receipt()
    assert http.posted == []


async def test_a_session_is_checked_and_its_player_is_the_tokens() -> None:
    adapter, http = evolution(ok())
    assert await adapter.verify_session(ANONYMOUS) == Player(player_id="p1", balance=None)
    sent = http.posted[0].json
    assert sent.pop("uuid")
    assert sent == {"sid": SID, "userId": "p1", "channel": {"type": "P"}}


@pytest.mark.parametrize("sid", [None, "", "another", [SID]])
async def test_the_session_of_another_is_unknown(sid: object) -> None:
    adapter, _ = evolution(ok(sid=sid))
    with pytest.raises(Unclear, match="another session"):
        await adapter.verify_session(ANONYMOUS)


async def test_a_token_of_another_form_is_declined_unsent() -> None:
    adapter, http = evolution()
    with pytest.raises(Declined) as raised:
        await adapter.verify_session(Session(operator="acme", token="p1"))
    assert raised.value.kind is Kind.SESSION
    assert http.posted == []


@pytest.mark.parametrize(
    "template, token, currency",
    [("{player}:{session}", f"p1:{SID}", "XAG"), ("{player}:{session}:{currency}", f"p1:{SID}:EUR", "EUR")],
)
async def test_a_balance_is_in_the_currency_of_the_token_or_of_the_setting(
    template: str, token: str, currency: str
) -> None:
    adapter, http = evolution(ok(), session_token=template)
    assert await adapter.get_balance(Session(operator="acme", token=token)) == money("51800", currency)
    sent = http.posted[0].json
    assert (sent["game"], sent["currency"]) == (None, currency)


async def test_a_token_may_be_the_sid_as_a_whole() -> None:
    adapter, http = evolution(ok(sid="p1"), session_token="{player}")
    await adapter.verify_session(Session(operator="acme", token="p1"))
    assert (http.posted[0].json["sid"], http.posted[0].json["userId"]) == ("p1", "p1")


async def test_currencies_are_translated_both_ways() -> None:
    currencies = {"codes": {"XAG": "EUR"}, "factors": {"XAG": 10}}
    adapter, http = evolution(ok(), ok(), currencies=currencies)
    assert (await adapter.withdraw(WITHDRAWAL)).balance == await adapter.get_balance(KNOWN) == money("518000", "XAG")
    assert [posted.json["currency"] for posted in http.posted] == ["EUR", "EUR"]
    assert http.posted[0].json["transaction"]["amount"] == 23


async def test_amounts_are_exact_numbers() -> None:
    adapter, http = evolution(ok(), currencies={"places": {"XAG": 6}})
    await adapter.withdraw(a_transfer(session=KNOWN, amount=money("12345678901234567.123456", "XAG")))
    assert b'"amount":12345678901234567.123456}' in http.posted[0].body


async def test_an_amount_with_more_places_is_declined_unsent() -> None:
    adapter, http = evolution()
    with pytest.raises(Declined) as raised:
        await adapter.withdraw(a_transfer(session=KNOWN, amount=money("0.001", "XAG")))
    assert raised.value.kind is Kind.AMOUNT
    assert http.posted == []


@pytest.mark.parametrize(
    "status, kind",
    [
        ("INSUFFICIENT_FUNDS", Kind.FUNDS),
        ("CASINO_LIMIT_EXCEEDED_TURNOVER", Kind.LIMIT),
        ("CASINO_LIMIT_EXCEEDED_SESSION_TIME", Kind.LIMIT),
        ("CASINO_LIMIT_EXCEEDED_STAKE", Kind.LIMIT),
        ("CASINO_LIMIT_EXCEEDED_LOSS", Kind.LIMIT),
        ("BONUS_LIMIT_EXCEEDED", Kind.LIMIT),
        ("ACCOUNT_LOCKED", Kind.PLAYER),
        ("INVALID_SID", Kind.SESSION),
    ],
)
async def test_a_debit_is_declined_for_what_is_checked_before_it_is_booked(status: str, kind: Kind) -> None:
    for said in (no(status), no(status, uuid="ECHO")):
        adapter, _ = evolution(said)
        with pytest.raises(Declined) as raised:
            await adapter.withdraw(WITHDRAWAL)
        assert raised.value.kind is kind
        assert status in raised.value.text


@pytest.mark.parametrize("name", LOOKS)
@pytest.mark.parametrize("status, kind", [("INVALID_SID", Kind.SESSION), ("ACCOUNT_LOCKED", Kind.PLAYER)])
async def test_a_session_that_is_refused_is_declined(name: str, status: str, kind: Kind) -> None:
    adapter, _ = evolution(no(status))
    with pytest.raises(Declined) as raised:
        await call(adapter, name)
    assert raised.value.kind is kind


async def test_the_cancel_of_a_debit_that_does_not_exist_finds_nothing() -> None:
    adapter, _ = evolution(no("BET_DOES_NOT_EXIST"))
    with pytest.raises(Declined) as raised:
        await adapter.rollback_withdrawal(WITHDRAWAL)
    assert raised.value.kind is Kind.NOT_FOUND


# Operators keep the cancel of a debit that they never saw, and call the debit settled when they are asked again.
@pytest.mark.parametrize("amount", [money("230", "XAG"), None])
@pytest.mark.parametrize("settled", [False, True])
async def test_the_second_cancel_of_a_debit_that_does_not_exist_may_find_the_first_one(
    settled: bool, amount: Money | None
) -> None:
    adapter, _ = evolution(no("BET_ALREADY_SETTLED", uuid="ECHO"), settled_is_done=settled)
    with pytest.raises(Declined) as raised:
        await adapter.rollback_withdrawal(a_transfer(session=KNOWN, amount=amount, missing_at=1.0))
    assert raised.value.kind is Kind.NOT_FOUND


async def test_a_cancel_has_the_debits_id_unless_the_setting_says_otherwise() -> None:
    adapter, http = evolution(ok())
    await adapter.rollback_withdrawal(WITHDRAWAL)
    assert http.posted[0].json["transaction"]["id"] == DEBIT_ID


@pytest.mark.parametrize("name", MOVES)
@pytest.mark.parametrize("status", ["TEMPORARY_ERROR", "OPERATION_IN_PROCESS"])
async def test_a_busy_operator_is_asked_later(name: str, status: str) -> None:
    adapter, _ = evolution(no(status))
    with pytest.raises(RetryLater):
        await call(adapter, name)


@pytest.mark.parametrize("name", ENDS)
async def test_an_end_that_has_finally_failed_is_parked(name: str) -> None:
    adapter, _ = evolution(no("FINAL_ERROR_ACTION_FAILED"))
    with pytest.raises(ParkNow):
        await call(adapter, name)


@pytest.mark.parametrize("name", ENDS)
async def test_what_was_settled_is_done_where_only_the_gateway_settles(name: str) -> None:
    adapter, _ = evolution(no("BET_ALREADY_SETTLED", uuid="ECHO"), settled_is_done=True)
    assert await call(adapter, name) == Receipt()


@pytest.mark.parametrize("settled", [False, True])
async def test_what_was_settled_says_nothing_of_a_debit(settled: bool) -> None:
    adapter, _ = evolution(no("BET_ALREADY_SETTLED", uuid="ECHO"), settled_is_done=settled)
    with pytest.raises(Unmapped):
        await adapter.withdraw(WITHDRAWAL)


OTHERS = (
    "INVALID_TOKEN_ID",
    "FATAL_ERROR_CLOSE_USER_SESSION",
    "UNKNOWN_ERROR",
    "INVALID_PARAMETER",
    "BET_ALREADY_EXIST",
    "BET_ALREADY_SETTLED",
    "INSUFFICIENT_FUNDS_TIPS",
    "GEOLOCATION_FAIL",
    "SESSION_ALREADY_CLOSED",
    "SESSION_DOES_NOT_EXIST",
    "NO_SUCH_STATUS",
    "ok",
)
FUNDS = ("INSUFFICIENT_FUNDS", "CASINO_LIMIT_EXCEEDED_STAKE", "INVALID_SID", "ACCOUNT_LOCKED")


@pytest.mark.parametrize(
    "name, status",
    [
        *[("withdraw", status) for status in (*OTHERS, "BET_DOES_NOT_EXIST", "FINAL_ERROR_ACTION_FAILED")],
        *[("confirm_withdrawal", status) for status in (*OTHERS, *FUNDS, "BET_DOES_NOT_EXIST")],
        *[("rollback_withdrawal", status) for status in (*OTHERS, *FUNDS)],
    ],
)
async def test_any_other_status_is_unknown_but_shows_an_operator_that_lives(name: str, status: str) -> None:
    for said in (no(status), no(status, uuid="ECHO", balance=5)):
        adapter, _ = evolution(said)
        with pytest.raises(Unmapped) as raised:
            await call(adapter, name)
        assert type(raised.value) is Unmapped


@pytest.mark.parametrize(
    "odd",
    [
        {"uuid": "5373b655-0000-4000-8000-000000000000"},
        {"uuid": 7},
        {"uuid": ["ECHO"]},
        {"status": None},
        {"status": ""},
        {"status": ["OK"]},
        {"status": True},
        {"status": "INSUFFICIENT_FUNDS", "uuid": "another"},
        {"status": "BET_DOES_NOT_EXIST", "uuid": "another"},
    ],
)
@pytest.mark.parametrize("name", [*MOVES, *LOOKS])
async def test_what_is_no_clear_answer_is_no_success_and_no_decline(name: str, odd: dict[str, Any]) -> None:
    adapter, _ = evolution(ok(**odd))
    with pytest.raises(Unclear) as raised:
        await call(adapter, name)
    assert type(raised.value) is Unclear


async def test_a_uuid_is_the_same_in_large_letters() -> None:
    adapter, _ = evolution(ok(uuid=DEBIT_UUID.upper()))
    assert await adapter.withdraw(WITHDRAWAL) == Receipt(money("51800", "XAG"))


@pytest.mark.parametrize("uuid", [None, ""])
@pytest.mark.parametrize("status", ["OK", "BET_ALREADY_SETTLED"])
@pytest.mark.parametrize("name", ENDS)
async def test_a_yes_must_name_its_request(name: str, status: str, uuid: object) -> None:
    adapter, _ = evolution(ok(status=status, uuid=uuid), settled_is_done=True)
    with pytest.raises(Unmapped, match="does not name its request"):
        await call(adapter, name)


@pytest.mark.parametrize("said", [b"<h1>It works!</h1>", b"", b'["OK"]', b'{"status": "OK", "status": "NO"}'])
@pytest.mark.parametrize("name", [*MOVES, *LOOKS])
async def test_what_is_no_answer_is_unknown(name: str, said: bytes) -> None:
    adapter, _ = evolution(said)
    with pytest.raises(Unclear) as raised:
        await call(adapter, name)
    assert type(raised.value) is Unclear


@pytest.mark.parametrize("status", [201, 400, 404, 500])
@pytest.mark.parametrize("name", MOVES)
async def test_another_http_status_is_unknown_whatever_it_says(name: str, status: int) -> None:
    for said in (ok(), no("INSUFFICIENT_FUNDS"), no("BET_DOES_NOT_EXIST")):
        adapter, _ = evolution(said, status=status)
        with pytest.raises(Unclear, match=f"HTTP {status}"):
            await call(adapter, name)


@pytest.mark.parametrize("balance", [None, "plenty", [1], True, {}])
async def test_a_yes_is_a_yes_whatever_its_balance(balance: object) -> None:
    adapter, _ = evolution(*[ok(balance=balance)] * 4)
    for name in MOVES:
        assert await call(adapter, name) == Receipt()
    with pytest.raises(Unclear, match="no balance that can be read"):
        await adapter.get_balance(KNOWN)


async def test_a_balance_is_told_digit_for_digit() -> None:
    adapter, _ = evolution(b'{"status": "OK", "balance": 12345678901234567890.123, "uuid": "ECHO"}')
    assert await adapter.get_balance(KNOWN) == Money(Decimal("12345678901234567890.123"), "XAG")


async def test_deposits_are_not_sent() -> None:
    adapter, http = evolution()
    with pytest.raises(Declined):
        await adapter.deposit(WITHDRAWAL)
    assert http.posted == []


def test_the_settings_do_not_show_the_auth_token() -> None:
    adapter, _ = evolution()
    assert AUTH_TOKEN not in repr(adapter.settings)


def test_an_empty_auth_token_is_refused() -> None:
    with pytest.raises(ValidationError, match="auth_token"):
        evolution(auth_token="")
