from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from adapters.playngo import Playngo, PlayngoSettings
from gateway.money import money
from gateway.operators import (
    Declined,
    HttpResponse,
    Kind,
    Player,
    Receipt,
    RetryLater,
    Session,
    Unclear,
    Unmapped,
)
from tests.support.adapters import ScriptedHttp
from tests.support.transfers import TOKEN, a_transfer

SESSION = Session(
    operator="acme", token=TOKEN, player_id="u1", memory={"currency": "EUR", "externalGameSessionId": "S"}
)
ANONYMOUS = Session(operator="acme", token=TOKEN)
TRANSFER = a_transfer(session=SESSION, amount=money("1.00", "EUR"))

# The ids stand here in full: were a new release to derive others, whatever is under way would be lost.
HOLD_ID = "4f05ef8c-2fd7-592d-8694-0722e4f1f238"
CONFIRM_ID = "aba2cc6d-8d28-595a-b860-35f7d480f505"
ROUND_ID = "4689106088546554380"
XML = '<?xml version="1.0" encoding="utf-8"?>'
SECRETS = "<productId>1</productId><gameId>287</gameId><accessToken>stagestagestagestage</accessToken>"
MOVE = (
    "<externalId>u1</externalId><currency>EUR</currency><externalGameSessionId>S</externalGameSessionId>"
    f"<gameSessionId>{ROUND_ID}</gameSessionId><roundId>{ROUND_ID}</roundId>"
    "<contextId>0</contextId><channel>1</channel>"
)
RESERVE = f"{MOVE}<transactionId>{HOLD_ID}</transactionId><real>1.00</real>{SECRETS}"
OK = "<statusCode>0</statusCode><statusMessage>OK</statusMessage>"
NAMED = "<externalTransactionId>77</externalTransactionId>"
MONEY = "<real>9.00</real><currency>EUR</currency>"
PERSON = "<externalId>u1</externalId><userCurrency>EUR</userCurrency><nickname>Jack S</nickname><country>DE</country>"

REQUEST_OF = {
    "withdraw": "reserve",
    "confirm_withdrawal": "release",
    "rollback_withdrawal": "cancelReserve",
}


def says(root: str, members: str, status: int = 200) -> HttpResponse:
    return HttpResponse(status, {}, f"<{root}>{members}</{root}>".encode())


def playngo(*answers: HttpResponse, **settings: Any) -> tuple[Playngo, ScriptedHttp]:
    http = ScriptedHttp(*answers)
    usual = {
        "base_url": "https://acme.example/playngo/",
        "access_token": "stagestagestagestage",
        "product_id": "1",
        "game_id": "287",
    }
    return Playngo(PlayngoSettings.model_validate({**usual, **settings}), http), http


async def outcome(call: str, root: str, members: str) -> Exception | Receipt:
    adapter, _ = playngo(says(root, members))
    try:
        receipt: Receipt = await getattr(adapter, call)(TRANSFER)
    except Exception as error:  # noqa: BLE001 - any at all, to be judged
        return error
    return receipt


async def test_a_session_is_authenticated_with_its_ticket() -> None:
    members = (
        f"{PERSON}<language>en_GB</language><real>10.00</real><externalGameSessionId>S</externalGameSessionId>{OK}"
    )
    adapter, http = playngo(says("authenticate", members))
    assert await adapter.verify_session(ANONYMOUS) == Player(
        player_id="u1",
        balance=money("10.00", "EUR"),
        nickname="Jack S",
        language="en_GB",
        country="DE",
        memory={"currency": "EUR", "externalGameSessionId": "S"},
    )
    assert http.posted[0].url == "https://acme.example/playngo/authenticate"
    assert http.posted[0].headers == {"Content-Type": "application/xml"}
    assert http.posted[0].body.decode() == (
        f"{XML}<authenticate><username>{TOKEN}</username><password></password><extra></extra><client></client>"
        "<CID></CID><clientIP></clientIP><contextId>0</contextId><channel>1</channel><language>en</language>"
        f"{SECRETS}</authenticate>"
    )


async def test_a_balance_is_asked_for_by_player_and_currency() -> None:
    adapter, http = playngo(says("balance", f"<real>10.00</real><currency>EUR</currency>{OK}"))
    assert await adapter.get_balance(SESSION) == money("10.00", "EUR")
    assert http.posted[0].body.decode() == (
        f"{XML}<balance><externalId>u1</externalId><currency>EUR</currency>"
        f"<externalGameSessionId>S</externalGameSessionId>{SECRETS}</balance>"
    )


async def test_the_balance_of_an_unknown_player_comes_with_the_session() -> None:
    adapter, http = playngo(says("authenticate", f"{PERSON}<real>10.00</real>{OK}"))
    assert await adapter.get_balance(ANONYMOUS) == money("10.00", "EUR")
    assert http.posted[0].url.endswith("/authenticate")


async def test_a_withdraw_is_a_reserve_whose_transaction_is_remembered() -> None:
    adapter, http = playngo(says("reserve", f"{NAMED}{MONEY}{OK}"))
    assert await adapter.withdraw(TRANSFER) == Receipt(money("9.00", "EUR"), {"externalTransactionId": "77"})
    assert http.posted[0].url == "https://acme.example/playngo/reserve"
    assert http.posted[0].body.decode() == f"{XML}<reserve>{RESERVE}</reserve>"


async def test_a_confirm_releases_nothing_and_closes_the_round() -> None:
    adapter, http = playngo(says("release", f"{NAMED}{MONEY}{OK}"))
    assert await adapter.confirm_withdrawal(TRANSFER) == Receipt(money("9.00", "EUR"))
    assert http.posted[0].body.decode() == (
        f"{XML}<release>{MOVE}<transactionId>{CONFIRM_ID}</transactionId><real>0.00</real>"
        "<actualValue>0.00</actualValue><jackpotGain>0.00</jackpotGain><jackpotLoss>0.00</jackpotLoss>"
        "<jackpotGainSeed>0.00</jackpotGainSeed><type>0</type><freegameFinished>0</freegameFinished>"
        "<turnover>0</turnover><jackpotGainId></jackpotGainId><freegameExternalId></freegameExternalId>"
        f"<state>1</state>{SECRETS}</release>"
    )


async def test_a_confirm_can_send_nothing() -> None:
    adapter, http = playngo(confirm="none")
    assert await adapter.confirm_withdrawal(TRANSFER) == Receipt()
    assert http.posted == []


async def test_a_rollback_cancels_the_reserve_under_its_own_id() -> None:
    adapter, http = playngo(says("cancelReserve", f"{NAMED}{OK}"))
    assert await adapter.rollback_withdrawal(TRANSFER) == Receipt()
    assert http.posted[0].body.decode() == f"{XML}<cancelReserve>{RESERVE}</cancelReserve>"


async def test_a_rollback_goes_out_without_player_session_and_amount() -> None:
    adapter, http = playngo(says("cancelReserve", f"{NAMED}{OK}"))
    await adapter.rollback_withdrawal(replace(TRANSFER, session=ANONYMOUS, amount=None))
    sent = http.posted[0].body.decode()
    assert f"<transactionId>{HOLD_ID}</transactionId><real></real>" in sent
    assert "<externalId></externalId><currency></currency><externalGameSessionId></externalGameSessionId>" in sent


async def test_a_cancel_that_found_no_reserve_is_not_found() -> None:
    error = await outcome("rollback_withdrawal", "cancelReserve", f"<externalTransactionId/>{OK}")
    assert isinstance(error, Declined)
    assert error.kind is Kind.NOT_FOUND


async def test_a_reserve_without_a_transaction_is_unclear() -> None:
    error = await outcome("withdraw", "reserve", f"<externalTransactionId/>{MONEY}{OK}")
    assert type(error) is Unclear


@pytest.mark.parametrize("call", REQUEST_OF)
async def test_a_yes_that_does_not_even_leave_room_for_a_transaction_is_unclear(call: str) -> None:
    error = await outcome(call, REQUEST_OF[call], f"{MONEY}{OK}")
    assert type(error) is Unclear


async def test_a_release_may_be_booked_without_a_transaction() -> None:
    receipt = await outcome("confirm_withdrawal", "release", f"<externalTransactionId/>{MONEY}{OK}")
    assert receipt == Receipt(money("9.00", "EUR"))


@pytest.mark.parametrize(
    "code,kind",
    [
        ("1", Kind.PLAYER),
        ("3", Kind.CURRENCY),
        ("5", Kind.PLAYER),
        ("6", Kind.PLAYER),
        ("7", Kind.FUNDS),
        ("9", Kind.LIMIT),
        ("10", Kind.SESSION),
        ("11", Kind.LIMIT),
    ],
)
async def test_a_reserve_is_declined_with_the_operators_words(code: str, kind: Kind) -> None:
    members = f"<statusCode>{code}</statusCode><statusMessage>Insufficient balance</statusMessage>"
    error = await outcome("withdraw", "reserve", members)
    assert isinstance(error, Declined)
    assert error.kind is kind
    assert error.text == f"reserve: statusCode {code} Insufficient balance"


@pytest.mark.parametrize("call", ["confirm_withdrawal", "rollback_withdrawal"])
@pytest.mark.parametrize("code", ["1", "5", "6", "10"])
async def test_an_end_may_be_refused_for_its_player_or_session(call: str, code: str) -> None:
    error = await outcome(call, REQUEST_OF[call], f"<statusCode>{code}</statusCode>")
    assert isinstance(error, Declined)
    assert error.kind in {Kind.PLAYER, Kind.SESSION}


@pytest.mark.parametrize(
    "call,codes",
    [
        ("withdraw", ("2", "4", "12", "13", "-1", "00", "0.0", "none")),
        ("confirm_withdrawal", ("2", "3", "4", "7", "9", "11", "12", "13")),
        ("rollback_withdrawal", ("2", "3", "4", "7", "9", "11", "12", "13")),
    ],
)
async def test_a_code_that_does_not_say_what_happened_is_unknown(call: str, codes: tuple[str, ...]) -> None:
    errors = [await outcome(call, REQUEST_OF[call], f"{NAMED}<statusCode>{code}</statusCode>") for code in codes]
    assert {type(error) for error in errors} == {Unmapped}


@pytest.mark.parametrize("call", REQUEST_OF)
async def test_a_busy_operator_is_asked_later(call: str) -> None:
    error = await outcome(call, REQUEST_OF[call], "<statusCode>8</statusCode>")
    assert isinstance(error, RetryLater)


@pytest.mark.parametrize("root", ["balance", "cancelReserve", "Reserve", "html"])
async def test_an_answer_to_another_method_is_unclear(root: str) -> None:
    error = await outcome("withdraw", root, f"{NAMED}{MONEY}{OK}")
    assert type(error) is Unclear


@pytest.mark.parametrize(
    "members",
    [
        "",
        NAMED,
        f"{NAMED}<statusCode/>",
        f"{NAMED}<statusCode>0</statusCode><statusCode>2</statusCode>",
        f"{NAMED}<statusCode><value>0</value></statusCode>",
        f"<reserve>{NAMED}{OK}</reserve>",
    ],
)
async def test_an_answer_without_one_status_code_is_unclear(members: str) -> None:
    error = await outcome("withdraw", "reserve", members)
    assert type(error) is Unclear


async def test_a_balance_that_cannot_be_read_spoils_no_yes() -> None:
    for real in ("<real/>", "<real>a lot</real>", "", "<real>1</real><real>2</real>"):
        receipt = await outcome("withdraw", "reserve", f"{NAMED}{real}<currency>EUR</currency>{OK}")
        assert receipt == Receipt(None, {"externalTransactionId": "77"})


async def test_a_wrong_ticket_is_an_ended_session() -> None:
    adapter, _ = playngo(says("authenticate", "<statusCode>4</statusCode>"))
    with pytest.raises(Declined) as declined:
        await adapter.verify_session(ANONYMOUS)
    assert declined.value.kind is Kind.SESSION


async def test_a_session_without_a_player_is_unclear() -> None:
    adapter, _ = playngo(says("authenticate", f"<externalId/><userCurrency>EUR</userCurrency>{OK}"))
    with pytest.raises(Unclear, match="no player"):
        await adapter.verify_session(ANONYMOUS)


async def test_an_amount_with_more_digits_than_the_currency_is_declined_unsent() -> None:
    adapter, http = playngo()
    with pytest.raises(Declined, match="nothing was sent"):
        await adapter.withdraw(replace(TRANSFER, amount=money("1.001", "EUR")))
    assert http.posted == []


async def test_currencies_have_the_operators_name_and_unit() -> None:
    answer = says("reserve", f"{NAMED}<real>9</real><currency>KIDR</currency>{OK}")
    adapter, http = playngo(
        answer, currencies={"codes": {"IDR": "KIDR"}, "factors": {"IDR": 1000}, "places": {"IDR": 3}}
    )
    receipt = await adapter.withdraw(replace(TRANSFER, amount=money("15500", "IDR")))
    assert receipt.balance == money("9000", "IDR")
    assert b"<currency>KIDR</currency>" in http.posted[0].body
    assert b"<real>15.500</real>" in http.posted[0].body


async def test_every_method_can_go_to_one_address() -> None:
    adapter, http = playngo(says("reserve", f"{NAMED}{MONEY}{OK}"), one_url=True)
    await adapter.withdraw(TRANSFER)
    assert http.posted[0].url == "https://acme.example/playngo/"
