from __future__ import annotations

from typing import Any

import pytest

from adapters.evenbet import EvenBet, EvenBetSettings
from gateway.money import money
from gateway.operators import (
    Declined,
    Direction,
    HttpResponse,
    Kind,
    ParkNow,
    Player,
    Receipt,
    RetryLater,
    Session,
    Transfer,
    Unclear,
    Unmapped,
)
from gateway.toolbox import sha256_hex
from tests.support.adapters import ScriptedHttp, answer
from tests.support.transfers import a_transfer

TOKEN = "p1:0fabcdc4"
SESSION = Session(operator="acme", token=TOKEN, player_id="p1")
HOLD_ID = "ed23c94d-cf09-51c8-bc45-4fcb54d06399"
ROLLBACK_ID = "60355d5f-46c4-512c-880e-eb8533f1d8d7"
CASINO = {"client_id": "mm", "game_id": 42, "bet_type": "bet"}

READS = ("verify_session", "get_balance")
MOVES = ("withdraw", "rollback_withdrawal")
CALLS = (*READS, *MOVES)


def transfer(amount: str = "230.00", **fields: Any) -> Transfer:
    return a_transfer(**{"amount": money(amount, "EUR"), "session": SESSION, **fields})


def evenbet(*answers: HttpResponse, **settings: Any) -> tuple[EvenBet, ScriptedHttp]:
    http = ScriptedHttp(*answers)
    usual = {"url": "https://acme.example/api/evenbet", "seamless_key": "k3y", "currency": "EUR"}
    return EvenBet(EvenBetSettings.model_validate({**usual, **settings}), http), http


def done(balance: object = 5180000) -> HttpResponse:
    return answer({"balance": balance, "errorCode": 0})


def refused(code: object, status: int = 200) -> HttpResponse:
    return answer({"errorCode": code, "errorDescription": "No."}, status)


async def call(adapter: EvenBet, name: str, session: Session = SESSION) -> object:
    return await getattr(adapter, name)(session if name in READS else transfer(session=session))


def test_a_signature_is_made_as_evenbets_own_example() -> None:
    body = (
        b'{"token":"b91b664a8e2b558c240824f7da0e842c","gameId":"testGameId","endRound":false,'
        b'"roundId":"29","transactionId":"d_182","amount":0}'
    )
    signature = "5a0314907c49dea0b8cc90533e80c82ce523285c5f01831e41f06a0d6ba69a6e"
    assert sha256_hex(body + b"test_secret_key") == signature


async def test_every_request_is_signed_over_the_bytes_that_are_sent() -> None:
    adapter, http = evenbet(done(), done(), done())
    for name in ("get_balance", *MOVES):
        await call(adapter, name)
    signed = [sha256_hex(posted.body + b"k3y") for posted in http.posted]
    assert [posted.headers["sign"] for posted in http.posted] == signed
    assert {posted.url for posted in http.posted} == {"https://acme.example/api/evenbet"}


# The ids stand here in full: were a new release to derive others, whatever is under way would be lost.
async def test_a_withdraw_is_a_get_cash_in_cents() -> None:
    adapter, http = evenbet(done())
    assert await adapter.withdraw(transfer()) == Receipt(money("51800", "EUR"))
    assert http.posted[0].json == {
        "method": "GetCash",
        "userId": "p1",
        "currency": "EUR",
        "sessionId": TOKEN,
        "amount": 23000,
        "transactionId": HOLD_ID,
    }


async def test_a_rollback_names_the_get_cash_and_has_an_id_of_its_own() -> None:
    adapter, http = evenbet(done())
    assert await adapter.rollback_withdrawal(transfer()) == Receipt(money("51800", "EUR"))
    assert http.posted[0].json == {
        "method": "Rollback",
        "userId": "p1",
        "currency": "EUR",
        "sessionId": TOKEN,
        "amount": 23000,
        "transactionId": ROLLBACK_ID,
        "referenceTransactionId": HOLD_ID,
    }


async def test_a_casino_integration_names_client_game_round_and_type_of_bet() -> None:
    adapter, http = evenbet(done(), done(), done(), **CASINO)
    for name in ("get_balance", *MOVES):
        await call(adapter, name)
    names = ("clientId", "gameId", "roundId", "betType")
    assert [[posted.json.get(name) for name in names] for posted in http.posted] == [
        ["mm", None, None, None],
        ["mm", 42, "1234abcd", "bet"],
        ["mm", 42, "1234abcd", None],
    ]


async def test_a_confirm_sends_nothing() -> None:
    adapter, http = evenbet()
    assert await adapter.confirm_withdrawal(transfer()) == Receipt()
    assert http.posted == []


async def test_a_deposit_is_declined_and_nothing_is_sent() -> None:
    adapter, http = evenbet()
    with pytest.raises(Declined):
        await adapter.deposit(transfer(direction=Direction.DEPOSIT))
    assert http.posted == []


async def test_a_rollback_of_an_unknown_amount_asks_whether_there_is_a_get_cash() -> None:
    adapter, http = evenbet(refused(5))
    with pytest.raises(Declined) as raised:
        await adapter.rollback_withdrawal(a_transfer(amount=None, session=SESSION))
    assert raised.value.kind is Kind.NOT_FOUND
    assert (http.posted[0].json["amount"], http.posted[0].json["currency"]) == (0, "EUR")


@pytest.mark.parametrize("said", [done(), refused(6)])
async def test_a_rollback_of_an_unknown_amount_that_finds_a_get_cash_is_parked(said: HttpResponse) -> None:
    adapter, _ = evenbet(said)
    with pytest.raises(ParkNow):
        await adapter.rollback_withdrawal(a_transfer(amount=None, session=SESSION))


async def test_a_rollback_of_an_unknown_amount_that_is_refused_is_unknown() -> None:
    adapter, _ = evenbet(refused(4))
    with pytest.raises(Unmapped) as raised:
        await adapter.rollback_withdrawal(a_transfer(amount=None, session=SESSION))
    assert type(raised.value) is Unmapped


async def test_an_end_needs_no_player_that_was_looked_up() -> None:
    adapter, http = evenbet(done())
    await call(adapter, "rollback_withdrawal", Session(operator="acme", token=TOKEN))
    assert http.posted[0].json["userId"] == "p1"


async def test_the_session_is_the_player_of_its_token_in_the_tokens_currency() -> None:
    adapter, http = evenbet(done(1), session_token="{player}:{currency}:{session}")
    player = await adapter.verify_session(Session(operator="acme", token="p1:USD:0fab"))
    assert player == Player(player_id="p1", balance=money("0.01", "USD"))
    assert http.posted[0].json == {
        "method": "GetBalance",
        "userId": "p1",
        "currency": "USD",
        "sessionId": "p1:USD:0fab",
    }


@pytest.mark.parametrize("name", CALLS)
async def test_a_token_of_another_form_is_declined_and_nothing_is_sent(name: str) -> None:
    adapter, http = evenbet()
    with pytest.raises(Declined) as raised:
        await call(adapter, name, Session(operator="acme", token="0fabcdc4"))
    assert (raised.value.kind, http.posted) == (Kind.SESSION, [])


@pytest.mark.parametrize("amount", ["0.001", "92233720368547758.08"])
async def test_an_amount_that_cannot_be_written_is_declined_and_nothing_is_sent(amount: str) -> None:
    adapter, http = evenbet()
    with pytest.raises(Declined) as raised:
        await adapter.withdraw(transfer(amount))
    assert (raised.value.kind, http.posted) == (Kind.AMOUNT, [])


async def test_currencies_are_translated_both_ways() -> None:
    adapter, http = evenbet(done(), currencies={"codes": {"XAG": "USD"}, "places": {"XAG": 3}})
    receipt = await adapter.withdraw(a_transfer(amount=money("1.5", "XAG"), session=SESSION))
    assert (http.posted[0].json["currency"], http.posted[0].json["amount"]) == ("USD", 1500)
    assert receipt.balance == money("5180", "XAG")


@pytest.mark.parametrize(
    "name, code, kind",
    [
        ("withdraw", 3, Kind.FUNDS),
        ("rollback_withdrawal", 5, Kind.NOT_FOUND),
        *((name, 2, Kind.PLAYER) for name in CALLS),
        *((name, 7, Kind.SESSION) for name in CALLS),
    ],
)
async def test_a_code_that_proves_that_nothing_was_booked_is_a_decline(name: str, code: int, kind: Kind) -> None:
    adapter, _ = evenbet(refused(code))
    with pytest.raises(Declined) as raised:
        await call(adapter, name)
    assert raised.value.kind is kind
    assert raised.value.text.startswith(f"error {code}: ")


@pytest.mark.parametrize(
    "name, code",
    [
        *((name, code) for name in CALLS for code in (1, 4, 8, -1, 99)),
        *((name, code) for name in ("withdraw", *READS) for code in (5, 6)),
        *((name, 3) for name in ("rollback_withdrawal", *READS)),
    ],
)
async def test_any_other_code_is_unknown_but_shows_an_operator_that_lives(name: str, code: int) -> None:
    adapter, _ = evenbet(refused(code))
    with pytest.raises(Unmapped) as raised:
        await call(adapter, name)
    assert type(raised.value) is Unmapped


async def test_a_rollback_that_does_not_fit_its_get_cash_is_parked() -> None:
    adapter, _ = evenbet(refused(6))
    with pytest.raises(ParkNow):
        await adapter.rollback_withdrawal(transfer())


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(answer({}), id="an empty object"),
        pytest.param(answer({"balance": 1}), id="no code"),
        pytest.param(answer({"balance": 1, "errorCode": "0"}), id="a text for a code"),
        pytest.param(answer({"balance": 1, "errorCode": [0]}), id="a list for a code"),
        pytest.param(answer({"balance": 1, "errorCode": False}), id="false for a code"),
        pytest.param(answer({"balance": 1, "errorCode": None}), id="null for a code"),
        pytest.param(answer(b'{"errorCode":0.0}'), id="a fraction for a code"),
        pytest.param(answer(b"<h1>It works!</h1>"), id="a web page"),
        pytest.param(answer({"balance": 1, "errorCode": 0}, 201), id="another status"),
        pytest.param(answer({"balance": 1, "errorCode": 0}, 500), id="an error's status"),
        pytest.param(refused(3, 400), id="a refusal under another status"),
    ],
)
@pytest.mark.parametrize("name", CALLS)
async def test_what_is_no_clear_answer_is_no_success_and_no_decline(name: str, said: HttpResponse) -> None:
    adapter, _ = evenbet(said)
    with pytest.raises(Unclear):
        await call(adapter, name)


@pytest.mark.parametrize("balance", ["plenty", None, True, [1]])
async def test_a_yes_is_a_yes_whatever_its_balance(balance: object) -> None:
    adapter, _ = evenbet(done(balance), done(balance), done(balance))
    assert await adapter.withdraw(transfer()) == Receipt()
    assert await adapter.rollback_withdrawal(transfer()) == Receipt()
    with pytest.raises(Unclear, match="no balance that can be read"):
        await adapter.get_balance(SESSION)


async def test_a_busy_operator_says_when_it_wants_to_be_asked_again() -> None:
    adapter, _ = evenbet(HttpResponse(429, {"retry-after": "7"}, b""))
    with pytest.raises(RetryLater) as raised:
        await adapter.rollback_withdrawal(transfer())
    assert raised.value.after_s == 7
