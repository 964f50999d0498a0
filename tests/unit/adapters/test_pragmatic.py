from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import pytest
from pydantic import ValidationError

from adapters.pragmatic import Pragmatic, PragmaticSettings
from gateway.money import Money, money
from gateway.operators import Declined, Kind, ParkNow, Player, Receipt, Session, Unclear, Unmapped
from tests.support.adapters import ScriptedHttp, answer
from tests.support.transfers import SESSION, TOKEN, a_transfer
from tests.support.vectors import PRAGMATIC_HASH

ANONYMOUS = Session(operator=SESSION.operator, token=TOKEN)
WITHDRAWAL = a_transfer()
REFERENCE = "3757b541e87a5c36ab1b17af84411926"

LOOKS = ("verify_session", "get_balance")
ENDS = ("confirm_withdrawal", "rollback_withdrawal")
MOVES = ("withdraw", *ENDS)


def ok(**members: object) -> dict[str, Any]:
    usual = {"error": 0, "description": "Success", "currency": "XAG", "cash": 51800, "bonus": 7, "transactionId": "t-1"}
    return {**usual, **members}


def no(error: object) -> dict[str, Any]:
    return {"error": error, "description": "no"}


def pragmatic(*said: object, status: int = 200, **settings: Any) -> tuple[Pragmatic, ScriptedHttp]:
    http = ScriptedHttp(*(answer(each, status) for each in said))
    usual = {
        "base_url": "https://acme.example/",
        "provider_id": "pragmaticplay",
        "secret_key": "pragmaticplay",
        "game_id": "mm_game",
    }
    return Pragmatic(PragmaticSettings.model_validate({**usual, **settings}), http), http


def form(http: ScriptedHttp, at: int = 0) -> dict[str, str]:
    return dict(parse_qsl(http.posted[at].body.decode(), strict_parsing=True))


async def call(adapter: Pragmatic, name: str) -> Any:
    return await getattr(adapter, name)(SESSION if name in LOOKS else WITHDRAWAL)


async def test_the_hash_of_the_vendors_example_is_met() -> None:
    params, key, digest = PRAGMATIC_HASH
    adapter, http = pragmatic(ok(), provider_id=params["providerId"], secret_key=key)
    await adapter._post("authenticate", {"token": params["token"]}, {})
    assert http.posted[0].url == "https://acme.example/authenticate.html"
    assert http.posted[0].body == f"token=5v93mto7jr&providerId=pragmaticplay&hash={digest}".encode()
    assert http.posted[0].headers == {"Content-Type": "application/x-www-form-urlencoded"}


async def test_the_hash_is_of_the_values_before_they_are_escaped() -> None:
    plain, odd = pragmatic(ok()), pragmatic(ok())
    await plain[0]._post("balance", {"userId": "a"}, {})
    await odd[0]._post("balance", {"userId": "ä b&c"}, {})
    assert odd[1].posted[0].body == (
        b"userId=%C3%A4+b%26c&providerId=pragmaticplay&hash=9ee49e09399fb1d236d17bd2b0c1ba86"
    )
    assert form(plain[1])["hash"] != form(odd[1])["hash"]


# The ids stand here in full: were a new release to derive others, whatever is under way would be lost.
async def test_a_withdraw_is_a_bet() -> None:
    adapter, http = pragmatic(ok())
    assert await adapter.withdraw(WITHDRAWAL) == Receipt(money("51800", "XAG"), {"transactionId": "t-1"})
    assert http.posted[0].url == "https://acme.example/bet.html"
    sent = form(http)
    assert sent.pop("hash")
    assert sent == {
        "userId": "p1",
        "gameId": "mm_game",
        "roundId": "7983096565194050450",
        "roundDetails": "1234abcd",
        "amount": "230.00",
        "reference": REFERENCE,
        "timestamp": "1000000",
        "token": TOKEN,
        "providerId": "pragmaticplay",
    }


async def test_the_operators_id_may_be_a_number() -> None:
    adapter, _ = pragmatic(ok(transactionId=1482429190374))
    assert (await adapter.withdraw(WITHDRAWAL)).memory == {"transactionId": "1482429190374"}


async def test_a_confirm_is_a_result_of_nothing_in_the_bets_round() -> None:
    adapter, http = pragmatic(ok(), ok(transactionId=17))
    await adapter.withdraw(WITHDRAWAL)
    assert await adapter.confirm_withdrawal(WITHDRAWAL) == Receipt(money("51800", "XAG"))
    bet, result = form(http), form(http, 1)
    assert http.posted[1].url == "https://acme.example/result.html"
    assert (result["amount"], result["roundId"]) == ("0.00", bet["roundId"])
    assert result["reference"] != bet["reference"]
    assert "token" not in result


async def test_a_confirm_can_close_the_round_instead() -> None:
    adapter, http = pragmatic({"cash": 51800, "bonus": 0, "error": 0}, confirm="close_round")
    assert await adapter.confirm_withdrawal(WITHDRAWAL) == Receipt()
    assert http.posted[0].url == "https://acme.example/endRound.html"
    assert form(http).keys() == {"userId", "gameId", "roundId", "roundDetails", "providerId", "hash"}


async def test_a_confirm_can_send_nothing() -> None:
    adapter, http = pragmatic(confirm="none")
    assert await adapter.confirm_withdrawal(WITHDRAWAL) == Receipt()
    assert http.posted == []


async def test_a_refund_carries_the_bets_own_reference_and_no_token() -> None:
    adapter, http = pragmatic({"error": 0, "transactionId": "t-2", "description": "Success"})
    assert await adapter.rollback_withdrawal(WITHDRAWAL) == Receipt()
    assert http.posted[0].url == "https://acme.example/refund.html"
    assert form(http)["reference"] == REFERENCE
    assert not {"token", "amount"} & form(http).keys()


@pytest.mark.parametrize("said", [{"error": 0}, {"error": 0, "transactionId": ""}, {"error": 0, "transactionId": None}])
async def test_a_refund_that_is_accepted_without_an_id_found_no_bet(said: dict[str, Any]) -> None:
    adapter, _ = pragmatic(said)
    with pytest.raises(Declined) as raised:
        await adapter.rollback_withdrawal(WITHDRAWAL)
    assert raised.value.kind is Kind.NOT_FOUND


async def test_an_operator_may_have_a_code_of_its_own_for_an_unknown_bet() -> None:
    adapter, _ = pragmatic(no(99), no(99), not_found_codes=[99])
    with pytest.raises(Declined) as raised:
        await adapter.rollback_withdrawal(WITHDRAWAL)
    assert raised.value.kind is Kind.NOT_FOUND
    with pytest.raises(Unmapped):
        await adapter.confirm_withdrawal(WITHDRAWAL)


@pytest.mark.parametrize("call_name", ["withdraw", "confirm_withdrawal"])
@pytest.mark.parametrize("id", [None, "", True, ["t-1"]])
async def test_a_bet_or_result_without_the_operators_id_is_unknown(call_name: str, id: object) -> None:
    adapter, _ = pragmatic(ok(transactionId=id))
    with pytest.raises(Unclear, match="no transactionId"):
        await call(adapter, call_name)


async def test_a_session_is_whose_account_it_names() -> None:
    adapter, http = pragmatic(ok(userId="p1"))
    player = await adapter.verify_session(ANONYMOUS)
    assert player == Player(player_id="p1", balance=money("51800", "XAG"), memory={"currency": "XAG"})
    assert form(http)["token"] == TOKEN


@pytest.mark.parametrize("currency, memory", [(" xag ", {"currency": "xag"}), ("", {}), (" ", {}), (None, {}), (7, {})])
async def test_a_session_remembers_the_accounts_currency_if_it_is_named(
    currency: object, memory: dict[str, str]
) -> None:
    adapter, _ = pragmatic(ok(userId="p1", currency=currency), ok())
    player = await adapter.verify_session(ANONYMOUS)
    assert player.memory == memory
    session = Session(operator="acme", token=TOKEN, player_id="p1", memory=player.memory)
    assert (await adapter.withdraw(a_transfer(session=session))).memory == {"transactionId": "t-1"}


@pytest.mark.parametrize("user", [None, "", 7])
async def test_a_session_without_a_player_is_unknown(user: object) -> None:
    adapter, _ = pragmatic(ok(userId=user))
    with pytest.raises(Unclear, match="names no player"):
        await adapter.verify_session(ANONYMOUS)


async def test_a_balance_is_asked_for_by_player_or_by_token_alone() -> None:
    adapter, http = pragmatic(ok(), ok(userId="p1"))
    assert await adapter.get_balance(SESSION) == await adapter.get_balance(ANONYMOUS) == money("51800", "XAG")
    assert [posted.url.rpartition("/")[2] for posted in http.posted] == ["balance.html", "authenticate.html"]


async def test_a_bet_in_another_currency_than_the_accounts_is_declined_unsent() -> None:
    adapter, http = pragmatic()
    euros = Session(operator="acme", token=TOKEN, player_id="p1", memory={"currency": "EUR"})
    with pytest.raises(Declined) as raised:
        await adapter.withdraw(a_transfer(session=euros))
    assert raised.value.kind is Kind.CURRENCY
    assert http.posted == []


async def test_currencies_are_translated_both_ways() -> None:
    adapter, _ = pragmatic(ok(currency="eur"), currencies={"XAG": "EUR"})
    euros = Session(operator="acme", token=TOKEN, player_id="p1", memory={"currency": "EUR"})
    assert (await adapter.withdraw(a_transfer(session=euros))).balance == money("51800", "XAG")


@pytest.mark.parametrize("amount, sent", [("0.1", "0.10"), ("99999999.99", "99999999.99"), ("1", "1.00")])
async def test_amounts_have_two_places(amount: str, sent: str) -> None:
    adapter, http = pragmatic(ok())
    await adapter.withdraw(a_transfer(amount=money(amount, "XAG")))
    assert form(http)["amount"] == sent


@pytest.mark.parametrize("amount", ["0.001", "100000000"])
async def test_an_amount_that_the_contract_cannot_carry_is_declined_unsent(amount: str) -> None:
    adapter, http = pragmatic()
    with pytest.raises(Declined) as raised:
        await adapter.withdraw(a_transfer(amount=money(amount, "XAG")))
    assert raised.value.kind is Kind.AMOUNT
    assert http.posted == []


@pytest.mark.parametrize("error, kind", [(1, Kind.FUNDS), (3, Kind.OTHER), (50, Kind.LIMIT), (310, Kind.LIMIT)])
async def test_a_bet_is_declined_where_the_contract_has_it_neither_repeated_nor_refunded(
    error: int, kind: Kind
) -> None:
    adapter, _ = pragmatic(no(error))
    with pytest.raises(Declined) as raised:
        await adapter.withdraw(WITHDRAWAL)
    assert raised.value.kind is kind
    assert f'"error": {error}' in raised.value.text


@pytest.mark.parametrize("error", [120, 310])
@pytest.mark.parametrize("name", ENDS)
async def test_an_end_that_may_not_be_sent_again_is_parked(name: str, error: int) -> None:
    adapter, _ = pragmatic(no(error))
    with pytest.raises(ParkNow):
        await call(adapter, name)


@pytest.mark.parametrize(
    "name, error",
    [
        *[("withdraw", error) for error in (2, 4, 5, 6, 7, 8, 100, 120, 130, 210, 987654, -1)],
        *[(name, error) for name in ENDS for error in (1, 2, 3, 4, 5, 6, 7, 8, 50, 100, 130, 210, 987654)],
    ],
)
async def test_any_other_code_is_unknown_but_shows_an_operator_that_lives(name: str, error: int) -> None:
    adapter, _ = pragmatic(no(error))
    with pytest.raises(Unmapped) as raised:
        await call(adapter, name)
    assert type(raised.value) is Unmapped


@pytest.mark.parametrize("name", LOOKS)
@pytest.mark.parametrize("error, kind", [(2, Kind.SESSION), (4, Kind.SESSION), (6, Kind.PLAYER)])
async def test_a_session_that_is_refused_is_declined(name: str, error: int, kind: Kind) -> None:
    adapter, _ = pragmatic(no(error))
    with pytest.raises(Declined) as raised:
        await call(adapter, name)
    assert raised.value.kind is kind


@pytest.mark.parametrize("error", ["0", True, False, None, [0], 0.0, {}])
@pytest.mark.parametrize("name", MOVES)
async def test_what_is_no_error_code_is_no_success_and_no_decline(name: str, error: object) -> None:
    adapter, _ = pragmatic(ok(error=error))
    with pytest.raises(Unclear, match="no error code") as raised:
        await call(adapter, name)
    assert type(raised.value) is Unclear


@pytest.mark.parametrize("said", [b"<h1>It works!</h1>", b"", b"[0]", b'{"error": 0, "error": 1}'])
@pytest.mark.parametrize("name", [*MOVES, *LOOKS])
async def test_what_is_no_answer_is_unknown(name: str, said: bytes) -> None:
    adapter, _ = pragmatic(said)
    with pytest.raises(Unclear) as raised:
        await call(adapter, name)
    assert type(raised.value) is Unclear


@pytest.mark.parametrize("status", [201, 400, 404, 500])
@pytest.mark.parametrize("name", MOVES)
async def test_another_http_status_is_unknown_whatever_it_says(name: str, status: int) -> None:
    for said in (ok(), no(1)):
        adapter, _ = pragmatic(said, status=status)
        with pytest.raises(Unclear, match=f"HTTP {status}"):
            await call(adapter, name)


@pytest.mark.parametrize(
    "odd", [{"currency": None}, {"currency": 840}, {"currency": ""}, {"cash": None}, {"cash": "plenty"}, {"cash": [1]}]
)
async def test_a_yes_is_a_yes_whatever_its_balance(odd: dict[str, Any]) -> None:
    adapter, _ = pragmatic(*[ok(userId="p1", **odd)] * 4)
    assert (await adapter.withdraw(WITHDRAWAL)).balance is None
    assert (await adapter.confirm_withdrawal(WITHDRAWAL)).balance is None
    assert (await adapter.verify_session(SESSION)).balance is None
    with pytest.raises(Unclear, match="no balance that can be read"):
        await adapter.get_balance(SESSION)


async def test_a_balance_is_the_cash_digit_for_digit() -> None:
    adapter, _ = pragmatic(b'{"error": 0, "cash": 12345678901234567890.123, "bonus": 5, "currency": "XAG"}')
    assert await adapter.get_balance(SESSION) == Money(Decimal("12345678901234567890.123"), "XAG")


@pytest.mark.parametrize("name", ENDS)
async def test_an_end_of_nobody_knows_whom_is_not_sent(name: str) -> None:
    adapter, http = pragmatic()
    with pytest.raises(Unclear, match="nothing was sent"):
        await getattr(adapter, name)(a_transfer(session=ANONYMOUS))
    assert http.posted == []


async def test_deposits_are_not_sent() -> None:
    adapter, http = pragmatic()
    with pytest.raises(Declined):
        await adapter.deposit(WITHDRAWAL)
    assert http.posted == []


def test_a_game_id_that_is_too_long_is_refused() -> None:
    with pytest.raises(ValidationError, match="32 characters"):
        pragmatic(game_id="x" * 33)
