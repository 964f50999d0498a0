from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from pydantic import ValidationError

from adapters.thunderkick import Thunderkick, ThunderkickSettings
from gateway.money import money
from gateway.operators import (
    Declined,
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
from tests.support.adapters import ScriptedHttp, answer
from tests.support.transfers import a_transfer

SESSION = Session(operator="acme", token="LD_7:4233224")
VERIFIED = replace(SESSION, player_id="LD_7", memory={"accountId": "7_11"})
ACCOUNTS = {
    "moneyAccounts": [
        {"balance": {"amount": "3.000000", "currency": "XAG"}, "accountId": "7_12", "accountType": "BONUS"},
        {"balance": {"amount": "11.500000", "currency": "XAG"}, "accountId": "7_11", "accountType": "REAL"},
    ]
}
IDS = {
    "withdraw": "extBetTransactionId",
    "confirm_withdrawal": "extWinTransactionId",
    "rollback_withdrawal": "extRollbackTransactionId",
}
SETTINGS: dict[str, Any] = {
    "base_url": "https://wallet.acme.example/tk/",
    "username": "JohnDoe",
    "password": "MyPass",
    "game": "auction",
    "player_ip": "192.0.2.7",
}
PLAYER = {"playerId": 1185661999393461, "playerExternalReference": "LD_7", "operatorSessionToken": "4233224"}
ROUND = {
    "gameName": "auction",
    "gameRoundId": "acme.withdraw.round.1234abcd",
    "providerGameRoundId": "acme.withdraw.round.1234abcd",
    "providerId": 1,
    "gameRoundStartDate": "1970-01-01T00:16:40.250+0000",
}
ACCOUNT = {"accountId": "7_11", "accountType": "REAL"}


def thunderkick(*answers: HttpResponse, **settings: Any) -> tuple[Thunderkick, ScriptedHttp]:
    http = ScriptedHttp(*answers)
    return Thunderkick(ThunderkickSettings.model_validate({**SETTINGS, **settings}), http), http


def transfer(**fields: Any) -> Transfer:
    return a_transfer(**{"session": VERIFIED, "opened_at": 1000.25, "decided_at": 1002.0, **fields})


def done(call: str, operators_id: object = "77") -> HttpResponse:
    return answer({"balances": ACCOUNTS, IDS[call]: operators_id})


def problem(status: int, code: object) -> HttpResponse:
    return answer({"errorCode": code, "errorMessage": "No.", "balances": ACCOUNTS}, status)


async def test_balances_give_the_player_of_the_token_and_the_account_that_later_calls_name() -> None:
    adapter, http = thunderkick(answer(ACCOUNTS))
    assert await adapter.verify_session(SESSION) == Player(
        player_id="LD_7", balance=money("11.5", "XAG"), memory={"accountId": "7_11"}
    )
    (posted,) = http.posted
    assert posted.url == "https://wallet.acme.example/tk/balances"
    assert posted.headers == {"Authorization": "Basic Sm9obkRvZTpNeVBhc3M=", "Content-Type": "application/json"}
    assert posted.json == {
        **PLAYER,
        "playerSessionToken": "b7e5de4c-930b-564c-8018-092d62d88d38",
        "gameName": "auction",
        "distributionChannel": "WEB",
    }


async def test_a_withdraw_is_a_bet_whose_id_stands_in_the_path() -> None:
    adapter, http = thunderkick(done("withdraw"))
    receipt = await adapter.withdraw(transfer())
    assert receipt == Receipt(money("11.5", "XAG"), {"extBetTransactionId": "77"})
    assert http.posted[0].url == "https://wallet.acme.example/tk/bet/acme.withdraw.hold.1234abcd"
    assert http.posted[0].json == {
        **PLAYER,
        "ipAddress": "192.0.2.7",
        "gameRound": {
            **ROUND,
            "gameRoundEndDate": "1970-01-01T00:16:40.250+0000",
            "numberOfBets": 1,
            "numberOfWins": 0,
        },
        "gameSessionToken": "fbc7e546-a9e7-5c33-97d5-819bfcc41791",
        "playerSessionToken": "b7e5de4c-930b-564c-8018-092d62d88d38",
        "distributionChannel": "WEB",
        "bets": [{"bet": {"amount": "230.000000", "currency": "XAG"}, **ACCOUNT}],
        "betTime": "1970-01-01T00:16:40.250+0000",
        "metaGameTags": [],
    }


async def test_a_confirm_is_a_win_of_nothing_in_the_same_round() -> None:
    adapter, http = thunderkick(done("confirm_withdrawal", "78"))
    receipt = await adapter.confirm_withdrawal(transfer())
    assert receipt == Receipt(money("11.5", "XAG"), {"extWinTransactionId": "78"})
    assert http.posted[0].url == "https://wallet.acme.example/tk/win/acme.withdraw.confirm.1234abcd"
    sent = http.posted[0].json
    assert sent["wins"] == [{"win": {"amount": "0.000000", "currency": "XAG"}, **ACCOUNT}]
    assert sent["winTime"] == "1970-01-01T00:16:40.250+0000"
    assert sent["gameRound"] == {
        **ROUND,
        "gameRoundEndDate": "1970-01-01T00:16:40.250+0000",
        "numberOfBets": 1,
        "numberOfWins": 1,
    }


async def test_a_rollback_names_the_bet_in_its_path_and_its_body() -> None:
    adapter, http = thunderkick(done("rollback_withdrawal", "79"))
    receipt = await adapter.rollback_withdrawal(transfer())
    assert receipt == Receipt(money("11.5", "XAG"), {"extRollbackTransactionId": "79"})
    assert http.posted[0].url == "https://wallet.acme.example/tk/rollbackbet/acme.withdraw.hold.1234abcd"
    assert http.posted[0].json == {
        **PLAYER,
        "gameSessionToken": "fbc7e546-a9e7-5c33-97d5-819bfcc41791",
        "gameName": "auction",
        "gameRoundId": "acme.withdraw.round.1234abcd",
        "betAmount": {"amount": "230.000000", "currency": "XAG"},
        "rollbackTime": "1970-01-01T00:16:40.250+0000",
        "betTransactionId": "acme.withdraw.hold.1234abcd",
        "betTime": "1970-01-01T00:16:40.250+0000",
        "numberOfRetries": 0,
        "externalAccountId": "7_11",
        "accountType": "REAL",
    }


async def test_what_the_hold_gave_changes_no_later_request() -> None:
    adapter, http = thunderkick(*[done("rollback_withdrawal")] * 2)
    for memory in ({}, {"extBetTransactionId": "77"}):
        await adapter.rollback_withdrawal(transfer(memory=memory))
    assert http.posted[0] == http.posted[1]


async def test_a_rollback_of_what_was_never_seen_leaves_out_what_is_not_known() -> None:
    adapter, http = thunderkick(done("rollback_withdrawal"))
    await adapter.rollback_withdrawal(transfer(session=SESSION, amount=None))
    assert not {"betAmount", "externalAccountId"} & http.posted[0].json.keys()


async def test_an_operator_may_want_an_id_of_the_rollbacks_own_in_its_path() -> None:
    adapter, http = thunderkick(done("rollback_withdrawal"), rollback_id="own")
    await adapter.rollback_withdrawal(transfer())
    assert http.posted[0].url.endswith("/rollbackbet/acme.withdraw.rollback.1234abcd")
    assert http.posted[0].json["betTransactionId"] == "acme.withdraw.hold.1234abcd"


@pytest.mark.parametrize("id", ["a/b", "a%2Fb", "a?b", "a b", "a~b", "x" * 200])
async def test_an_id_that_would_need_quoting_in_a_path_becomes_a_uuid(id: str) -> None:
    adapter, http = thunderkick(done("withdraw"), done("rollback_withdrawal"))
    await adapter.withdraw(transfer(id=id))
    await adapter.rollback_withdrawal(transfer(id=id))
    bet, rollback = [posted.url.removeprefix("https://wallet.acme.example/tk/") for posted in http.posted]
    assert bet.partition("/")[2] == rollback.partition("/")[2] == http.posted[1].json["betTransactionId"]
    assert len(bet.partition("/")[2]) == 36


async def test_ids_can_be_numbers() -> None:
    adapter, http = thunderkick(done("withdraw"), done("rollback_withdrawal"), ids="number")
    await adapter.withdraw(transfer())
    await adapter.rollback_withdrawal(transfer())
    bet, rollback = http.posted
    number = bet.url.rpartition("/")[2]
    assert number.isdigit()
    assert (rollback.url.rpartition("/")[2], rollback.json["betTransactionId"]) == (number, number)
    assert bet.json["gameRound"]["gameRoundId"] == rollback.json["gameRoundId"] != int(number)


@pytest.mark.parametrize(
    "status, code, kind",
    [
        (523, 200, Kind.FUNDS),
        (523, "201", Kind.LIMIT),
        (523, "253", Kind.OTHER),
        (522, "100", Kind.SESSION),
        (522, 101, Kind.SESSION),
        (522, "210", Kind.PLAYER),
    ],
)
async def test_a_bet_that_was_refused_is_declined(status: int, code: object, kind: Kind) -> None:
    adapter, _ = thunderkick(problem(status, code))
    with pytest.raises(Declined) as raised:
        await adapter.withdraw(transfer())
    assert raised.value.kind is kind


@pytest.mark.parametrize("status, code", [(523, "200"), (523, "201"), (523, "253")])
@pytest.mark.parametrize("call", ["confirm_withdrawal", "rollback_withdrawal"])
async def test_what_refuses_a_bet_proves_nothing_of_an_end(call: str, status: int, code: str) -> None:
    adapter, _ = thunderkick(problem(status, code))
    with pytest.raises(Unmapped):
        await getattr(adapter, call)(transfer())


@pytest.mark.parametrize(
    "status, code",
    [(500, 500), (522, "250"), (522, "260"), (523, "271"), (522, "200"), (523, "100"), (400, "200"), (522, "999")],
)
@pytest.mark.parametrize("call", IDS)
async def test_any_other_code_proves_nothing_but_shows_an_operator_that_lives(
    call: str, status: int, code: object
) -> None:
    adapter, _ = thunderkick(problem(status, code))
    with pytest.raises(Unmapped):
        await getattr(adapter, call)(transfer())


async def test_an_order_to_roll_back_or_to_retry_is_followed() -> None:
    adapter, _ = thunderkick(problem(522, 251), problem(522, 251), problem(522, 262))
    with pytest.raises(Unmapped):
        await adapter.withdraw(transfer())
    with pytest.raises(RetryLater):
        await adapter.rollback_withdrawal(transfer())
    with pytest.raises(RetryLater):
        await adapter.confirm_withdrawal(transfer())


async def test_an_empty_id_says_only_of_a_rollback_that_there_was_nothing_to_undo() -> None:
    adapter, _ = thunderkick(*[done(call, "") for call in IDS])
    for call in ("withdraw", "confirm_withdrawal"):
        with pytest.raises(Unclear):
            await getattr(adapter, call)(transfer())
    with pytest.raises(Declined) as raised:
        await adapter.rollback_withdrawal(transfer())
    assert raised.value.kind is Kind.NOT_FOUND


@pytest.mark.parametrize("operators_id", [None, 77, ["77"], {}])
@pytest.mark.parametrize("call", IDS)
async def test_an_answer_without_the_operators_id_is_unknown(call: str, operators_id: object) -> None:
    adapter, _ = thunderkick(done(call, operators_id), answer({"balances": ACCOUNTS}))
    for _ in range(2):
        with pytest.raises(Unclear):
            await getattr(adapter, call)(transfer())


@pytest.mark.parametrize(
    "said",
    [
        answer(b"<html>It works!</html>"),
        answer([]),
        answer({}),
        answer({**dict.fromkeys(IDS.values(), "77"), "errorCode": "200"}),
        answer(dict.fromkeys(IDS.values(), "77"), 201),
        answer(dict.fromkeys(IDS.values(), "77"), 500),
        answer({"errorCode": True}, 522),
        answer(b"", 523),
    ],
)
@pytest.mark.parametrize("call", IDS)
async def test_what_is_not_a_clear_answer_is_unknown(call: str, said: HttpResponse) -> None:
    adapter, _ = thunderkick(said)
    with pytest.raises(Unclear):
        await getattr(adapter, call)(transfer())


@pytest.mark.parametrize(
    "accounts",
    [
        None,
        [],
        {"moneyAccounts": None},
        {"moneyAccounts": ["x", {"accountType": "BONUS"}]},
        {"moneyAccounts": [{"accountType": "REAL", "balance": {"amount": "plenty", "currency": "XAG"}}]},
        {"moneyAccounts": [{"accountType": "REAL", "balance": {"amount": "1", "currency": 7}}]},
    ],
)
async def test_a_yes_is_a_yes_whatever_its_balances(accounts: object) -> None:
    adapter, _ = thunderkick(answer({"extBetTransactionId": "77", "balances": accounts}))
    assert await adapter.withdraw(transfer()) == Receipt(None, {"extBetTransactionId": "77"})


@pytest.mark.parametrize("said", [answer({}), answer({"moneyAccounts": {}}), answer({"moneyAccounts": []})])
async def test_a_balance_that_was_asked_for_must_be_readable(said: HttpResponse) -> None:
    adapter, _ = thunderkick(said)
    with pytest.raises(Unclear):
        await adapter.get_balance(SESSION)


@pytest.mark.parametrize("token", ["LD_7", "LD_7:", "a:b:c"])
async def test_a_token_of_another_form_than_agreed_is_declined_unsent(token: str) -> None:
    adapter, http = thunderkick()
    for call in (adapter.withdraw, adapter.rollback_withdrawal):
        with pytest.raises(Declined) as raised:
            await call(transfer(session=replace(SESSION, token=token)))
        assert raised.value.kind is Kind.SESSION
    assert http.posted == []


async def test_a_token_can_be_the_session_as_a_whole() -> None:
    adapter, http = thunderkick(answer(ACCOUNTS), session_token="{player}:x")
    await adapter.verify_session(replace(SESSION, token="LD_7:x"))
    assert http.posted[0].json["operatorSessionToken"] == "LD_7:x"


async def test_currencies_have_the_operators_names() -> None:
    eur = {"moneyAccounts": [{"accountType": "REAL", "balance": {"amount": "1.250000", "currency": "eur"}}]}
    adapter, http = thunderkick(
        answer({"extBetTransactionId": "77", "balances": eur}), currencies={"XAG": "EUR"}, account_type="REAL"
    )
    assert (await adapter.withdraw(transfer())).balance == money("1.25", "XAG")
    assert http.posted[0].json["bets"][0]["bet"] == {"amount": "230.000000", "currency": "EUR"}


async def test_an_amount_with_more_than_six_places_is_declined_unsent() -> None:
    adapter, http = thunderkick()
    with pytest.raises(Declined) as raised:
        await adapter.withdraw(transfer(amount=money("0.0000001", "XAG")))
    assert raised.value.kind is Kind.AMOUNT
    assert http.posted == []


async def test_without_a_confirm_nothing_is_sent() -> None:
    adapter, http = thunderkick(confirm="none")
    assert await adapter.confirm_withdrawal(transfer()) == Receipt()
    assert http.posted == []


async def test_a_deposit_is_declined_since_a_win_needs_a_bet() -> None:
    adapter, http = thunderkick()
    with pytest.raises(Declined, match="no deposits"):
        await adapter.deposit(transfer())
    assert http.posted == []


def test_a_token_template_must_name_the_player() -> None:
    with pytest.raises(ValidationError, match="session_token"):
        thunderkick(session_token="{session}")
