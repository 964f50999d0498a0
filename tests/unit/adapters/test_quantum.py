from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.quantum import Quantum, QuantumSettings
from gateway.money import Money, money
from gateway.operators import Declined, Direction, HttpResponse, Kind, Player, Receipt, Unclear, Unmapped
from gateway.wire.errors import ErrorCode
from tests.support.adapters import ScriptedHttp, answer
from tests.support.transfers import SESSION, TOKEN, a_transfer

BALANCE = {"amount": 51800, "currencyCode": "XAG"}
MOVED = {"mmTransactionId": "1234abcd", "balance": BALANCE}

HOLDS = ("withdraw", "deposit")
CONFIRMS = ("confirm_withdrawal", "confirm_deposit")
ROLLBACKS = ("rollback_withdrawal", "rollback_deposit")
ENDS = (*CONFIRMS, *ROLLBACKS)
MOVES = (*HOLDS, *ENDS)
LOOKS = ("verify_session", "get_balance")

# What another gateway's codes prove: docs/operators.md tells operators' settings to say so.
GATEWAYS = {101: "session", 102: "funds", 103: "limit", 104: "player", 105: "currency", 106: "amount", 114: "not_found"}
ALREADY = {111: "rolled_back", 112: "confirmed"}


def quantum(*answers: HttpResponse, **settings: Any) -> tuple[Quantum, ScriptedHttp]:
    http = ScriptedHttp(*answers)
    configured = {"base_url": "https://wallet.acme.example/wallet/", "username": "JohnDoe", "password": "MyPass"}
    return Quantum(QuantumSettings.model_validate({**configured, **settings}), http), http


def problem(code: object, description: str = "No.") -> HttpResponse:
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
        pytest.param(answer({"balance": BALANCE}), id="no id"),
        pytest.param(answer([MOVED]), id="an array"),
        pytest.param(answer(b"OK"), id="no JSON"),
        pytest.param(answer(b""), id="nothing"),
        pytest.param(
            answer(b'{"mmTransactionId":"1234abcd","mmTransactionId":"1234abcd","balance":{}}'), id="the id twice"
        ),
        pytest.param(answer(b'{"mmTransactionId":"1234abcd","balance":{},"errorCode":NaN}'), id="no code at all"),
        pytest.param(answer(MOVED, 201), id="201"),
        pytest.param(answer(MOVED, 500), id="a success under 500"),
        pytest.param(answer(b"", 401), id="401"),
        pytest.param(problem(100), id="other error"),
    ],
)
@pytest.mark.parametrize("call", MOVES)
async def test_what_is_no_clear_success_is_unknown(call: str, said: HttpResponse) -> None:
    adapter, _ = quantum(said, declines=GATEWAYS, already=ALREADY)
    with pytest.raises(Unclear):
        await getattr(adapter, call)(a_transfer())


ODD_BALANCES = [
    pytest.param(b'{"amount": 0.30000000000000004, "currencyCode": "XAG"}', "0.30000000000000004", id="many digits"),
    pytest.param(b'{"amount": 3E-1, "currencyCode": "XAG"}', "0.3", id="an exponent"),
    pytest.param(b'{"amount": "51800.50", "currencyCode": " XAG "}', "51800.5", id="a text"),
    pytest.param(b'{"amount": 1e99, "currencyCode": "XAG"}', "1e99", id="1e99"),
    pytest.param(b'{"amount": 1e999999999, "currencyCode": "XAG"}', "1e999999999", id="1e999999999"),
    pytest.param(b'{"amount": true, "currencyCode": "XAG"}', None, id="truth"),
    pytest.param(b'{"amount": null, "currencyCode": "XAG"}', None, id="null"),
    pytest.param(b'{"amount": "a lot", "currencyCode": "XAG"}', None, id="words"),
    pytest.param(b'{"amount": "1e9999999999999999999999", "currencyCode": "XAG"}', None, id="an endless text"),
    pytest.param(b'{"amount": NaN, "currencyCode": "XAG"}', None, id="NaN"),
    pytest.param(b'{"amount": 1, "amount": 2, "currencyCode": "XAG"}', None, id="two amounts"),
    pytest.param(b'{"amount": 1, "currencyCode": "\\ud83d"}', None, id="half an emoji"),
    pytest.param(b'{"amount": 1, "currencyCode": ""}', None, id="no currency"),
    pytest.param(b'{"amount": 1, "currencyCode": 978}', None, id="a number for a currency"),
    pytest.param(b'{"amount": 1}', None, id="a bare amount"),
    pytest.param(b"{}", None, id="nothing"),
]
"""The balance as it was said, and the amount that can be read in it."""


@pytest.mark.parametrize("balance, amount", ODD_BALANCES)
@pytest.mark.parametrize("call", MOVES)
async def test_a_yes_is_a_yes_whatever_its_balance(call: str, balance: bytes, amount: str | None) -> None:
    adapter, _ = quantum(answer(b'{"mmTransactionId": "1234abcd", "x": NaN, "balance": %s}' % balance))
    receipt = await getattr(adapter, call)(a_transfer())
    assert receipt == Receipt(None if amount is None else Money(Decimal(amount), "XAG"))


@pytest.mark.parametrize("currency", ["xag", "USD"])
async def test_a_currency_is_handed_over_as_it_was_said(currency: str) -> None:
    adapter, _ = quantum(answer({**MOVED, "balance": {"amount": 1, "currencyCode": currency}}))
    assert await adapter.withdraw(a_transfer()) == Receipt(Money(Decimal(1), currency))


@pytest.mark.parametrize("said", [{"mmTransactionId": "1234abcd"}])
async def test_the_yes_to_a_hold_holds_a_balance_since_an_echo_is_none(said: dict[str, Any]) -> None:
    for call in ("withdraw", "deposit"):
        adapter, _ = quantum(answer(said))
        with pytest.raises(Unclear, match=r'has no balance: \{"mmTransactionId'):
            await getattr(adapter, call)(a_transfer())


@pytest.mark.parametrize("said", [{"mmTransactionId": "1234abcd"}, {**MOVED, "balance": 51800}])
@pytest.mark.parametrize("call", ENDS)
async def test_the_yes_to_an_end_needs_no_balance(call: str, said: dict[str, Any]) -> None:
    adapter, _ = quantum(answer(said))
    assert await getattr(adapter, call)(a_transfer()) == Receipt()


async def test_a_session_is_known_whatever_else_the_operator_says_of_it() -> None:
    odd = b'{"playerId": "p1", "balance": {"amount": NaN}, "nickname": "\\ud83d", "language": 7, "country": ["AT"]}'
    adapter, _ = quantum(answer(odd))
    assert await adapter.verify_session(SESSION) == Player(player_id="p1", balance=None)


@pytest.mark.parametrize("player", [None, 7, "", ["p1"]])
async def test_a_session_without_a_player_is_unknown(player: object) -> None:
    adapter, _ = quantum(answer({"playerId": player, "balance": BALANCE}))
    with pytest.raises(Unclear, match="names no player"):
        await adapter.verify_session(SESSION)


@pytest.mark.parametrize("balance, amount", [case for case in ODD_BALANCES if case.values[1] is None])
async def test_a_balance_that_was_asked_for_must_be_readable(balance: bytes, amount: None) -> None:
    adapter, _ = quantum(answer(b'{"balance": %s}' % balance))
    with pytest.raises(Unclear, match="no balance that can be read: "):
        await adapter.get_balance(SESSION)


@pytest.mark.parametrize("code, kind", GATEWAYS.items())
@pytest.mark.parametrize("said", [int, str])
async def test_a_code_that_the_settings_name_is_a_decline(code: int, kind: str, said: type) -> None:
    adapter, _ = quantum(problem(said(code)), declines=GATEWAYS)
    with pytest.raises(Declined) as raised:
        await adapter.withdraw(a_transfer())
    assert (raised.value.kind, raised.value.text) == (kind, f"error {code}: No.")


@pytest.mark.parametrize("code", [100, 101, 102, 114, -1, "102", "NO_FUNDS", 0])
@pytest.mark.parametrize("call", [*MOVES, *LOOKS])
async def test_a_code_that_nobody_named_is_unknown_but_shows_an_operator_that_lives(call: str, code: object) -> None:
    adapter, _ = quantum(problem(code))
    with pytest.raises(Unmapped) as raised:
        await getattr(adapter, call)(SESSION if call in LOOKS else a_transfer())
    assert raised.value.text == f"error {code}: No."


@pytest.mark.parametrize("code", [102.5, True, None, [102], {"code": 102}])
async def test_a_code_of_another_kind_may_be_anybodys(code: object) -> None:
    adapter, _ = quantum(problem(code), declines=GATEWAYS)
    with pytest.raises(Unclear) as raised:
        await adapter.withdraw(a_transfer())
    assert type(raised.value) is Unclear


@pytest.mark.parametrize("status", [200, 201, 302, 400, 401, 429, 503])
@pytest.mark.parametrize("call", [*MOVES, *LOOKS])
async def test_an_error_body_is_an_error_under_any_status_but_only_a_named_one_makes_it_prove_something(
    call: str, status: int
) -> None:
    said = {**MOVED, "playerId": "p1", "errorCode": 102, "errorDescription": "You are poor."}
    adapter, _ = quantum(answer(said, status), declines={102: "funds"}, already=ALREADY)
    with pytest.raises(Unmapped) as raised:
        await getattr(adapter, call)(SESSION if call in LOOKS else a_transfer())
    assert raised.value.text == f"HTTP {status}, error 102: You are poor."


async def test_the_settings_say_under_which_statuses_an_error_proves_something() -> None:
    for status in (200, 400):
        adapter, _ = quantum(
            answer({**MOVED, "errorCode": "102"}, status), declines={102: "funds"}, error_statuses=[200, 400]
        )
        with pytest.raises(Declined) as raised:
            await adapter.withdraw(a_transfer())
        assert raised.value.kind is Kind.FUNDS


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
async def test_a_refused_request_shows_an_operator_that_lives_and_says_why(status: int) -> None:
    adapter, _ = quantum(answer({"message": "currencyCode is missing"}, status))
    with pytest.raises(Unmapped) as raised:
        await adapter.withdraw(a_transfer())
    assert raised.value.text == f'HTTP {status}: {{"message": "currencyCode is missing"}}'


@pytest.mark.parametrize("status", [302, 408, 429, 500, 502, 503])
async def test_a_status_of_who_cannot_answer_is_silence_in_its_own_words(status: int) -> None:
    adapter, _ = quantum(answer(b"<html><h1>Bad Gateway</h1></html>", status))
    with pytest.raises(Unclear) as raised:
        await adapter.withdraw(a_transfer())
    assert (type(raised.value), raised.value.text) == (Unclear, f"HTTP {status}: Bad Gateway")


async def test_a_web_page_under_200_is_quoted() -> None:
    adapter, _ = quantum(answer(b"<html><body>It works!</body></html>"))
    with pytest.raises(Unclear, match="not JSON that can be read in one way: It works!"):
        await adapter.withdraw(a_transfer())


@pytest.mark.parametrize("code, call", [(112, call) for call in CONFIRMS] + [(111, call) for call in ROLLBACKS])
@pytest.mark.parametrize("said", [int, str])
async def test_what_was_done_before_is_done(code: int, call: str, said: type) -> None:
    adapter, _ = quantum(problem(said(code)), already=ALREADY)
    assert await getattr(adapter, call)(a_transfer()) == Receipt()


@pytest.mark.parametrize(
    "code, call",
    [(112, call) for call in (*HOLDS, *ROLLBACKS)] + [(111, call) for call in (*HOLDS, *CONFIRMS)],
)
async def test_what_was_done_before_acknowledges_no_other_call(code: int, call: str) -> None:
    adapter, _ = quantum(problem(code), already=ALREADY)
    with pytest.raises(Unmapped):
        await getattr(adapter, call)(a_transfer())
    adapter, _ = quantum(problem(code), already=ALREADY, declines={code: "other"})
    with pytest.raises(Declined):
        await getattr(adapter, call)(a_transfer())


@pytest.mark.parametrize("status", [200, 400])
async def test_what_was_done_before_counts_only_under_the_statuses_that_the_settings_name(status: int) -> None:
    adapter, _ = quantum(answer({"errorCode": 112}, status), already=ALREADY)
    with pytest.raises(Unmapped):
        await adapter.confirm_withdrawal(a_transfer())
    adapter, _ = quantum(answer({"errorCode": 112}, status), already=ALREADY, error_statuses=[status])
    assert await adapter.confirm_withdrawal(a_transfer()) == Receipt()


def test_the_codes_of_another_gateway_mean_what_its_table_says() -> None:
    assert {ErrorCode(code).name.lower() for code in GATEWAYS if code != ErrorCode.UNKNOWN_TRANSFER} == {
        Kind(kind) for kind in GATEWAYS.values() if kind != Kind.NOT_FOUND
    }
    assert {ErrorCode(code).name.lower() for code in ALREADY} == set(ALREADY.values())


@pytest.mark.parametrize("kind", [Kind.DUPLICATE, Kind.ROLLED_BACK])
def test_a_kind_that_proves_nothing_is_refused_with_what_to_write_instead(kind: Kind) -> None:
    with pytest.raises(ValidationError) as raised:
        quantum(declines={102: "funds", 111: str(kind)})
    (error,) = raised.value.errors()
    assert error["loc"] == ("declines", 111)
    assert "`already: {111: rolled_back, 112: confirmed}`" in error["msg"]


def test_the_contracts_other_error_never_says_that_it_was_done() -> None:
    with pytest.raises(ValidationError, match="names 100, which the contract prints as any other error"):
        quantum(already={100: "confirmed"})


FAILURES = [
    {**MOVED, "success": False},
    {**MOVED, "ErrorCode": 102},
    {**MOVED, "error": {"code": 102}},
    {**MOVED, "errorDescription": "down"},
]
ECHOES = [
    {"token": TOKEN, "mmTransactionId": "1234abcd", "rollbackReason": "x"},
    {"mmTransactionId": "1234abcd", "ok": 1},
]


@pytest.mark.parametrize("said", [*FAILURES, *ECHOES])
@pytest.mark.parametrize("call", MOVES)
async def test_an_answer_that_names_the_id_and_tells_of_a_failure_or_only_echoes_is_not_a_yes(
    call: str, said: dict[str, Any]
) -> None:
    adapter, _ = quantum(answer(said))
    with pytest.raises(Unclear):
        await getattr(adapter, call)(a_transfer())


@pytest.mark.parametrize("more", [{"errorCode": None}, {"errorDescription": None}, {"error": ""}, {"success": True}])
@pytest.mark.parametrize("call", MOVES)
async def test_a_yes_may_say_that_there_is_no_error(call: str, more: dict[str, Any]) -> None:
    adapter, _ = quantum(answer({**MOVED, **more}))
    assert (await getattr(adapter, call)(a_transfer())).balance == money(51800, "XAG")


@pytest.mark.parametrize("balance", [51800, "51800", None, []])
@pytest.mark.parametrize("call", MOVES)
async def test_a_yes_whose_balance_is_not_an_object_is_a_yes(call: str, balance: object) -> None:
    adapter, _ = quantum(answer({**MOVED, "balance": balance}))
    assert await getattr(adapter, call)(a_transfer()) == Receipt()


@pytest.mark.parametrize("call", MOVES)
async def test_what_concerns_another_kind_of_call_may_be_odd(call: str) -> None:
    odd = b'{"mmTransactionId": "1234abcd", "playerId": 1, "playerId": 2, "token": "\\ud83d", "balance": {}}'
    adapter, _ = quantum(answer(odd))
    assert await getattr(adapter, call)(a_transfer()) == Receipt()


@pytest.mark.parametrize("code", ["102.0", "1.02e2", '"102"', "102"])
async def test_a_code_is_a_number_however_it_is_written(code: str) -> None:
    adapter, _ = quantum(
        answer(b'{"errorCode": %s, "errorDescription": "poor"}' % code.encode(), 500), declines={102: "funds"}
    )
    with pytest.raises(Declined):
        await adapter.withdraw(a_transfer())


@pytest.mark.parametrize("call", MOVES)
async def test_an_error_about_another_transfer_says_nothing_of_this_one(call: str) -> None:
    for code in (102, 111, 112, 114):
        said = {"errorCode": code, "mmTransactionId": "another"}
        adapter, _ = quantum(answer(said, 500), declines={102: "funds", 114: "not_found"}, already=ALREADY)
        with pytest.raises(Unclear):
            await getattr(adapter, call)(a_transfer())


def test_a_code_cannot_say_that_it_was_done_and_that_it_never_existed() -> None:
    with pytest.raises(ValidationError, match=r"says that 114 was done, and `declines` says not_found; name it once"):
        quantum(declines={114: "not_found"}, already={114: "rolled_back"})


@pytest.mark.parametrize("statuses", [[], [99], [600], ["ok"]])
def test_error_statuses_are_http_statuses(statuses: list[object]) -> None:
    with pytest.raises(ValidationError, match="error_statuses"):
        quantum(error_statuses=statuses)


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


@pytest.mark.parametrize(
    "sign",
    [
        b'"success":false,"success":true',
        b'"success":}',
        b'"success":null',
        b'"success":"false"',
        b'"error":"no","error":""',
    ],
)
async def test_a_sign_of_failure_that_cannot_be_read_is_no_yes(sign: bytes) -> None:
    body = b'{"mmTransactionId":"1234abcd","balance":{"amount":1,"currencyCode":"XAG"},' + sign + b"}"
    adapter, _ = quantum(answer(body))
    with pytest.raises(Unclear):
        await adapter.withdraw(a_transfer())
