from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import pytest

from adapters.slotegrator import Slotegrator, SlotegratorSettings
from adapters.slotegrator.adapter import sign
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
from gateway.toolbox import hmac_hex
from tests.support.adapters import NONCE, ScriptedHttp, answer
from tests.support.transfers import a_transfer

TOKEN = "p1:0fabcdc4"
SESSION = Session(operator="acme", token=TOKEN, player_id="p1")
BET_ID = "d1740d3e-9ec5-5aca-9e47-c50212b4b09c"
WIN_ID = "08d70288-598c-5163-8766-88e379faf447"
ROLLBACK_ID = "f2c6330e-6953-5540-8d3d-475b98c7eda0"

VECTOR_CREDENTIALS = {"X-Merchant-Id": "test-merchant", "X-Timestamp": "1700000000", "X-Nonce": "e115cf0be2ec5a12"}
VECTOR_PLAYER = {"currency": "EUR", "game_uuid": "abcd12345", "player_id": "123456", "session_id": "s-1"}

READS = ("verify_session", "get_balance")
HOLDS = ("withdraw", "deposit")
CONFIRMS = ("confirm_withdrawal", "confirm_deposit")
ROLLBACKS = ("rollback_withdrawal", "rollback_deposit")
CALLS = (*READS, *HOLDS, *ROLLBACKS)


def transfer(name: str = "withdraw", amount: str | None = "10.5", **fields: Any) -> Transfer:
    direction = Direction.DEPOSIT if "deposit" in name else Direction.WITHDRAW
    exact = None if amount is None else money(amount, "EUR")
    return a_transfer(**{"amount": exact, "session": SESSION, "direction": direction, **fields})


def slotegrator(*answers: HttpResponse, **settings: Any) -> tuple[Slotegrator, ScriptedHttp]:
    http = ScriptedHttp(*answers)
    address = {"url": "https://acme.example/api/slotegrator"}
    merchant = {"merchant_id": "test-merchant", "merchant_key": "test-key", "game_uuid": "abcd12345"}
    configured = {**address, **merchant, "currency": "EUR", **settings}
    return Slotegrator(SlotegratorSettings.model_validate(configured), http), http


def moved(balance: object = 51800.0, **members: object) -> HttpResponse:
    return answer({"balance": balance, "transaction_id": "op-77", **members})


def rolled_back(*ids: object) -> HttpResponse:
    return moved(rollback_transactions=list(ids))


def refused(code: object) -> HttpResponse:
    return answer({"error_code": code, "error_description": "No."})


def fields_of(http: ScriptedHttp) -> dict[str, str]:
    return dict(parse_qsl(http.posted[0].body.decode(), keep_blank_values=True))


async def call(adapter: Slotegrator, name: str, session: Session = SESSION) -> object:
    return await getattr(adapter, name)(session if name in READS else transfer(name, session=session))


def test_the_signature_of_a_bet_is_the_vectors() -> None:
    bet = {"action": "bet", "amount": "10.5000", "transaction_id": "tx-1", "type": "bet"}
    assert (
        sign({**VECTOR_CREDENTIALS, **VECTOR_PLAYER, **bet}, "test-key") == "441a32896218066e39c77a53ad974dc07d84f9d5"
    )


def test_the_signature_of_a_rollback_is_the_vectors() -> None:
    bet = {"action": "bet", "amount": "10.5000", "transaction_id": "tx-1", "type": "bet"}
    rollback = {"action": "rollback", "transaction_id": "rb-1", "type": "rollback", "rollback_transactions": [bet]}
    signature = "aa1bebadc152f765ba1345b0adc3ef918fa199cb"
    assert sign({**VECTOR_CREDENTIALS, **VECTOR_PLAYER, **rollback}, "test-key") == signature


async def test_a_request_is_signed_with_the_time_and_the_nonce_of_its_try() -> None:
    adapter, http = slotegrator(moved())
    await adapter.withdraw(transfer())
    headers = http.posted[0].headers
    credentials = f"X-Merchant-Id=test-merchant&X-Nonce={NONCE}&X-Timestamp=1700000000&"
    # The body's names are in the same order already, and capitals come before small letters.
    message = credentials.encode() + http.posted[0].body
    assert headers["X-Sign"] == hmac_hex("test-key", message, "sha1")
    assert (headers["X-Merchant-Id"], headers["X-Timestamp"], headers["X-Nonce"]) == (
        "test-merchant",
        "1700000000",
        NONCE,
    )
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert http.posted[0].url == "https://acme.example/api/slotegrator"


# The ids stand here in full: were a new release to derive others, whatever is under way would be lost.
@pytest.mark.parametrize("name, action, id", [("withdraw", "bet", BET_ID), ("deposit", "win", WIN_ID)])
async def test_a_hold_is_a_bet_or_a_win(name: str, action: str, id: str) -> None:
    adapter, http = slotegrator(moved())
    receipt = await call(adapter, name)
    assert receipt == Receipt(money("51800", "EUR"), memory={"transactionId": "op-77"})
    assert (
        http.posted[0].body
        == (
            f"action={action}&amount=10.5000&currency=EUR&game_uuid=abcd12345&player_id=p1&round_id=1234abcd"
            f"&session_id=p1%3A0fabcdc4&transaction_id={id}&type={action}"
        ).encode()
    )


async def test_a_rollback_names_the_bet_and_has_an_id_of_its_own() -> None:
    adapter, http = slotegrator(rolled_back(BET_ID))
    receipt = await adapter.rollback_withdrawal(transfer())
    # Not under the name of the bet's: what is remembered of the bet must stay.
    assert receipt == Receipt(money("51800", "EUR"), memory={"rollbackTransactionId": "op-77"})
    assert (
        http.posted[0].body
        == (
            "action=rollback&currency=EUR&game_uuid=abcd12345&player_id=p1&provider_round_id=1234abcd"
            "&rollback_transactions%5B0%5D%5Baction%5D=bet&rollback_transactions%5B0%5D%5Bamount%5D=10.5000"
            f"&rollback_transactions%5B0%5D%5Btransaction_id%5D={BET_ID}&rollback_transactions%5B0%5D%5Btype%5D=bet"
            f"&round_id=1234abcd&session_id=p1%3A0fabcdc4&transaction_id={ROLLBACK_ID}&type=rollback"
        ).encode()
    )


async def test_the_rollback_of_a_deposit_names_the_win() -> None:
    adapter, http = slotegrator(rolled_back(WIN_ID))
    await adapter.rollback_deposit(transfer("deposit"))
    fields = fields_of(http)
    assert fields["rollback_transactions[0][action]"] == fields["rollback_transactions[0][type]"] == "win"
    assert fields["rollback_transactions[0][transaction_id]"] == WIN_ID


@pytest.mark.parametrize("name", CONFIRMS)
async def test_a_confirm_sends_nothing(name: str) -> None:
    adapter, http = slotegrator()
    assert await call(adapter, name) == Receipt()
    assert http.posted == []


@pytest.mark.parametrize("name", ROLLBACKS)
async def test_a_rollback_of_an_unknown_amount_asks_whether_there_is_a_bet_or_win(name: str) -> None:
    adapter, http = slotegrator(rolled_back())
    with pytest.raises(Declined) as raised:
        await getattr(adapter, name)(transfer(name, amount=None))
    assert raised.value.kind is Kind.NOT_FOUND
    fields = fields_of(http)
    assert (fields["rollback_transactions[0][amount]"], fields["currency"]) == ("0.0000", "EUR")


@pytest.mark.parametrize("name, id", [("rollback_withdrawal", BET_ID), ("rollback_deposit", WIN_ID)])
async def test_a_rollback_of_an_unknown_amount_that_finds_one_is_parked(name: str, id: str) -> None:
    adapter, _ = slotegrator(rolled_back(id))
    with pytest.raises(ParkNow):
        await getattr(adapter, name)(transfer(name, amount=None))


async def test_a_rollback_of_an_unknown_amount_that_is_refused_is_unknown() -> None:
    adapter, _ = slotegrator(refused("INTERNAL_ERROR"))
    with pytest.raises(Unmapped) as raised:
        await adapter.rollback_withdrawal(transfer(amount=None))
    assert type(raised.value) is Unmapped


async def test_an_end_needs_no_player_that_was_looked_up() -> None:
    adapter, http = slotegrator(rolled_back(BET_ID))
    await call(adapter, "rollback_withdrawal", Session(operator="acme", token=TOKEN))
    assert fields_of(http)["player_id"] == "p1"


async def test_the_session_is_the_player_of_its_token_in_the_tokens_currency() -> None:
    adapter, http = slotegrator(
        answer(b'{"balance": 0.0100}'), session_token="{player}:{currency}:{session}", currencies={"XAG": "USD"}
    )
    player = await adapter.verify_session(Session(operator="acme", token="p1:USD:0fab"))
    assert player == Player(player_id="p1", balance=money("0.01", "XAG"))
    assert http.posted[0].body == b"action=balance&currency=USD&player_id=p1&session_id=p1%3AUSD%3A0fab"


@pytest.mark.parametrize("name", CALLS)
async def test_a_token_of_another_form_is_declined_and_nothing_is_sent(name: str) -> None:
    adapter, http = slotegrator()
    with pytest.raises(Declined) as raised:
        await call(adapter, name, Session(operator="acme", token="0fabcdc4"))
    assert (raised.value.kind, http.posted) == (Kind.SESSION, [])


@pytest.mark.parametrize("name", HOLDS)
async def test_an_amount_that_cannot_be_written_is_declined_and_nothing_is_sent(name: str) -> None:
    adapter, http = slotegrator()
    with pytest.raises(Declined) as raised:
        await getattr(adapter, name)(transfer(name, "0.00001"))
    assert (raised.value.kind, http.posted) == (Kind.AMOUNT, [])


async def test_too_little_money_declines_a_bet() -> None:
    adapter, _ = slotegrator(refused("INSUFFICIENT_FUNDS"))
    with pytest.raises(Declined) as raised:
        await adapter.withdraw(transfer())
    assert raised.value.kind is Kind.FUNDS
    assert "INSUFFICIENT_FUNDS" in raised.value.text


@pytest.mark.parametrize(
    "name, code",
    [
        *((name, code) for name in CALLS for code in ("INTERNAL_ERROR", "insufficient_funds", "", 7, ["X"], False)),
        *((name, "INSUFFICIENT_FUNDS") for name in CALLS if name != "withdraw"),
    ],
)
async def test_any_other_error_is_unknown_but_shows_an_operator_that_lives(name: str, code: object) -> None:
    adapter, _ = slotegrator(refused(code))
    with pytest.raises(Unmapped):
        await call(adapter, name)


async def test_an_error_beside_a_yes_is_an_error() -> None:
    adapter, _ = slotegrator(moved(error_code="INTERNAL_ERROR", rollback_transactions=[BET_ID]))
    with pytest.raises(Unmapped):
        await adapter.rollback_withdrawal(transfer())


@pytest.mark.parametrize("name", ROLLBACKS)
async def test_a_rollback_that_lists_nothing_found_nothing(name: str) -> None:
    adapter, _ = slotegrator(rolled_back())
    with pytest.raises(Declined) as raised:
        await call(adapter, name)
    assert raised.value.kind is Kind.NOT_FOUND


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(moved(), id="no list"),
        pytest.param(moved(rollback_transactions=None), id="null for a list"),
        pytest.param(moved(rollback_transactions=BET_ID), id="a text for a list"),
        pytest.param(rolled_back("another"), id="another transaction"),
        pytest.param(rolled_back([BET_ID]), id="a list of lists"),
    ],
)
async def test_a_rollback_that_does_not_list_our_id_is_unclear(said: HttpResponse) -> None:
    adapter, _ = slotegrator(said)
    with pytest.raises(Unclear):
        await adapter.rollback_withdrawal(transfer())


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(answer({}), id="an empty object"),
        pytest.param(answer({"balance": 1, "rollback_transactions": [BET_ID]}), id="no transaction"),
        pytest.param(moved(transaction_id="", rollback_transactions=[BET_ID]), id="an empty id"),
        pytest.param(moved(transaction_id=["op-77"], rollback_transactions=[BET_ID]), id="a list for an id"),
        pytest.param(moved(transaction_id=True, rollback_transactions=[BET_ID]), id="truth for an id"),
        pytest.param(answer(b"<h1>It works!</h1>"), id="a web page"),
        pytest.param(answer({"transaction_id": "op-77", "rollback_transactions": [BET_ID]}, 201), id="another status"),
        pytest.param(answer({"error_code": "INSUFFICIENT_FUNDS"}, 400), id="a refusal under another status"),
    ],
)
@pytest.mark.parametrize("name", ["withdraw", "rollback_withdrawal"])
async def test_what_is_no_clear_answer_is_no_success_and_no_decline(name: str, said: HttpResponse) -> None:
    adapter, _ = slotegrator(said)
    with pytest.raises(Unclear):
        await call(adapter, name)


@pytest.mark.parametrize("said", [{}, {"balance": [1]}, {"balance": None}, {"balance": True}])
@pytest.mark.parametrize("name", READS)
async def test_an_answer_that_should_be_a_balance_and_is_none_is_unclear(name: str, said: dict[str, Any]) -> None:
    adapter, _ = slotegrator(answer(said))
    with pytest.raises(Unclear):
        await call(adapter, name)


@pytest.mark.parametrize("balance", ["plenty", None, True, [1]])
async def test_a_yes_is_a_yes_whatever_its_balance(balance: object) -> None:
    adapter, _ = slotegrator(moved(balance), moved(balance, rollback_transactions=[BET_ID], error_code=None))
    assert await adapter.withdraw(transfer()) == Receipt(memory={"transactionId": "op-77"})
    assert await adapter.rollback_withdrawal(transfer()) == Receipt(memory={"rollbackTransactionId": "op-77"})


async def test_a_busy_operator_says_when_it_wants_to_be_asked_again() -> None:
    adapter, _ = slotegrator(HttpResponse(429, {"retry-after": "7"}, b""))
    with pytest.raises(RetryLater) as raised:
        await adapter.rollback_withdrawal(transfer())
    assert raised.value.after_s == 7
