from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from adapters.quantum import Quantum, QuantumSettings
from gateway.money import MoneyError, money
from gateway.operators import Answer, Declined, Direction, Kind, Receipt, Unclear
from gateway.wire.errors import ErrorCode
from tests.support.adapters import ScriptedHttp, answer
from tests.support.transfers import SESSION, TOKEN, a_transfer

BALANCE = {"amount": 51800, "currencyCode": "XAG"}
MOVED = {"mmTransactionId": "1234abcd", "balance": BALANCE}

# What another gateway's codes prove: docs/adapters.md tells operators' settings to say so.
GATEWAYS = {101: "session", 102: "funds", 103: "limit", 104: "player", 105: "currency", 106: "amount", 114: "not_found"}


def quantum(*answers: Answer, **settings: Any) -> tuple[Quantum, ScriptedHttp]:
    http = ScriptedHttp(*answers)
    configured = {"base_url": "https://wallet.acme.example/wallet/", "username": "JohnDoe", "password": "MyPass"}
    return Quantum(QuantumSettings.model_validate({**configured, **settings}), http), http


def problem(code: object, description: str = "No.") -> Answer:
    return answer({"errorCode": code, "errorDescription": description}, 500)


async def test_the_rollback_is_sent_as_the_contract_prints_it() -> None:
    adapter, http = quantum(answer(MOVED))
    receipt = await adapter.rollback_withdrawal(a_transfer(rollback_reason="Withdraw request failed."))
    assert receipt == Receipt(money(51800, "XAG"))
    (posted,) = http.posted
    assert posted.url == "https://wallet.acme.example/wallet/rollbackWithdrawal"
    assert posted.headers["Authorization"] == "Basic Sm9obkRvZTpNeVBhc3M="
    assert posted.json == {
        "token": TOKEN,
        "mmTransactionId": "1234abcd",
        "rollbackReason": "Withdraw request failed.",
    }


async def test_a_rollback_without_a_reason_says_so() -> None:
    adapter, http = quantum(answer(MOVED))
    await adapter.rollback_withdrawal(a_transfer(rollback_reason=""))
    assert http.posted[0].json["rollbackReason"] == "No reason was given."


async def test_a_withdraw_carries_amount_and_description() -> None:
    adapter, http = quantum(answer(MOVED))
    await adapter.withdraw(a_transfer(description="Sword of Testing"))
    assert http.posted[0].json == {
        "token": TOKEN,
        "mmTransactionId": "1234abcd",
        "amount": {"amount": 230, "currencyCode": "XAG"},
        "txDescription": "Sword of Testing",
    }


@pytest.mark.parametrize(
    "endpoint, method",
    [
        ("withdraw", "withdraw"),
        ("confirmWithdrawal", "confirm_withdrawal"),
        ("rollbackWithdrawal", "rollback_withdrawal"),
        ("deposit", "deposit"),
        ("confirmDeposit", "confirm_deposit"),
        ("rollbackDeposit", "rollback_deposit"),
    ],
)
async def test_every_move_has_an_endpoint_of_its_own(endpoint: str, method: str) -> None:
    adapter, http = quantum(answer(MOVED))
    await getattr(adapter, method)(a_transfer())
    assert http.posted[0].url.removeprefix("https://wallet.acme.example/wallet/") == endpoint


@pytest.mark.parametrize(
    "amount", ["0.1", "1234567890123456.78", "99999999999999999999.99999999", "0.00000001", "0.000000000001"]
)
async def test_amounts_are_written_and_read_digit_for_digit(amount: str) -> None:
    said = b'{"mmTransactionId": "1234abcd", "balance": {"amount": %s, "currencyCode": "XAG"}}' % amount.encode()
    adapter, http = quantum(answer(said))
    receipt = await adapter.deposit(a_transfer(amount=money(amount, "XAG"), direction=Direction.DEPOSIT))
    assert b'"amount":' + amount.encode() + b"," in http.posted[0].body
    assert receipt.balance == money(amount, "XAG")


async def test_a_verified_session_says_all_that_is_known_of_the_player() -> None:
    known = {"playerId": "p1", "balance": BALANCE, "nickname": "Jo", "language": "en", "country": "AT", "vip": True}
    adapter, _ = quantum(answer({"token": TOKEN, **known}))
    player = await adapter.verify_session(SESSION)
    assert (player.player_id, player.nickname, player.language, player.country) == ("p1", "Jo", "en", "AT")
    assert player.balance == money(51800, "XAG")


async def test_the_answer_about_another_session_is_unknown() -> None:
    adapter, _ = quantum(answer({"token": "another", "playerId": "p1", "balance": BALANCE}))
    with pytest.raises(Unclear):
        await adapter.verify_session(SESSION)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(answer({**MOVED, "mmTransactionId": "1234abce"}), id="another id"),
        pytest.param(answer({**MOVED, "mmTransactionId": 1234}), id="a number for an id"),
        pytest.param(answer({"mmTransactionId": "1234abcd"}), id="no balance"),
        pytest.param(answer({"balance": BALANCE}), id="no id"),
        pytest.param(answer({**MOVED, "balance": {"amount": "51800", "currencyCode": "XAG"}}), id="amount as text"),
        pytest.param(answer({**MOVED, "balance": {"amount": True, "currencyCode": "XAG"}}), id="amount as truth"),
        pytest.param(answer({**MOVED, "balance": {"amount": None, "currencyCode": "XAG"}}), id="no amount"),
        pytest.param(answer({**MOVED, "balance": {"amount": 1, "currencyCode": ""}}), id="no currency"),
        pytest.param(
            answer(b'{"mmTransactionId":"1234abcd","balance":{"amount":1e99,"currencyCode":"XAG"}}'), id="1e99"
        ),
        pytest.param(answer(b'{"mmTransactionId":"1234abcd","balance":{"amount":NaN,"currencyCode":"XAG"}}'), id="NaN"),
        pytest.param(answer([MOVED]), id="an array"),
        pytest.param(answer(b"OK"), id="no JSON"),
        pytest.param(answer(b""), id="nothing"),
        pytest.param(answer(MOVED, 201), id="201"),
        pytest.param(answer(MOVED, 500), id="a success under 500"),
        pytest.param(answer(b"", 401), id="401"),
        pytest.param(problem(100), id="other error"),
    ],
)
async def test_what_is_no_clear_success_is_unknown(said: Answer) -> None:
    adapter, _ = quantum(said)
    with pytest.raises((Unclear, MoneyError, ValueError)) as raised:
        await adapter.withdraw(a_transfer())
    assert not isinstance(raised.value, Declined)


@pytest.mark.parametrize("code, kind", GATEWAYS.items())
async def test_a_code_that_the_settings_name_is_a_decline(code: int, kind: str) -> None:
    adapter, _ = quantum(problem(code), declines=GATEWAYS)
    with pytest.raises(Declined) as raised:
        await adapter.withdraw(a_transfer())
    assert raised.value.kind == kind


@pytest.mark.parametrize("code", [100, 101, 102, 114, "102", 102.5])
async def test_no_code_is_a_decline_unless_the_settings_say_so(code: object) -> None:
    adapter, _ = quantum(problem(code))
    with pytest.raises(Unclear):
        await adapter.withdraw(a_transfer())


def test_the_codes_of_another_gateway_mean_what_its_table_says() -> None:
    assert {ErrorCode(code).name.lower() for code in GATEWAYS if code != ErrorCode.UNKNOWN_TRANSFER} == {
        Kind(kind) for kind in GATEWAYS.values() if kind != Kind.NOT_FOUND
    }


async def test_the_operators_words_are_passed_on_without_our_credentials() -> None:
    adapter, _ = quantum(problem(100, "You sent Basic Sm9obkRvZTpNeVBhc3M= to us"))
    with pytest.raises(Unclear) as raised:
        await adapter.withdraw(a_transfer())
    assert raised.value.text == "error 100: You sent [hidden] to us"


@pytest.mark.parametrize(
    "base_url",
    ["wallet.acme.example/wallet/", "ftp://acme.example/", "https://u:p@acme.example/", "https://acme.example/wallet"],
)
def test_an_address_that_cannot_be_meant_is_refused(base_url: str) -> None:
    with pytest.raises(ValidationError, match="base_url"):
        quantum(base_url=base_url)


def test_a_username_with_a_colon_is_refused() -> None:
    with pytest.raises(ValidationError, match="username"):
        quantum(username="John:Doe")
