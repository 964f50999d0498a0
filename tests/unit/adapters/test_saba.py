from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from pydantic import ValidationError

from adapters.saba import Saba, SabaSettings
from gateway.money import money
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
from gateway.records import Fate
from tests.support.adapters import ScriptedHttp, answer
from tests.support.transfers import a_transfer

SESSION = Session(operator="acme", token="sky001:4233")
CALLS = ("withdraw", "confirm_withdrawal", "rollback_withdrawal")
ENDS = CALLS[1:]
REF_ID = "acme.withdraw.hold.1234abcd"
SETTINGS: dict[str, Any] = {
    "base_url": "https://wallet.acme.example/saba/",
    "key": "vendor-key",
    "currency": "XAG",
    "currencies": {"codes": {"XAG": "20"}},
    "player_ip": "192.0.2.7",
}
THOUSANDS = {"currencies": {"codes": {"XAG": "20"}, "factors": {"XAG": 1000}}}
PLACED = {"status": 0, "refId": REF_ID, "licenseeTxId": "77", "msg": None}


def saba(*answers: HttpResponse, **settings: Any) -> tuple[Saba, ScriptedHttp]:
    http = ScriptedHttp(*answers)
    return Saba(SabaSettings.model_validate({**SETTINGS, **settings}), http), http


def transfer(**fields: Any) -> Transfer:
    return a_transfer(**{"session": SESSION, "opened_at": 1717472356.777, "decided_at": 1717472360.0, **fields})


def status(code: object) -> HttpResponse:
    return answer({"status": code, "msg": "No.", "refId": REF_ID})


async def test_the_balance_is_asked_by_the_players_name_in_the_token() -> None:
    adapter, http = saba(answer({"status": 0, "userId": "sky001", "balance": 12.5, "balanceTs": "x", "msg": None}))
    assert await adapter.verify_session(SESSION) == Player(player_id="sky001", balance=money("12.5", "XAG"))
    (posted,) = http.posted
    assert posted.url == "https://wallet.acme.example/saba/getbalance"
    assert posted.headers == {"Content-Type": "application/json"}
    assert posted.body == b'{"key":"vendor-key","message":{"action":"GetBalance","userId":"sky001"}}'


async def test_a_withdraw_places_a_bet() -> None:
    adapter, http = saba(answer(PLACED), bet_details={"matchId": 1, "isLive": False})
    assert await adapter.withdraw(transfer()) == Receipt(None, {"licenseeTxId": "77"})
    (posted,) = http.posted
    assert posted.url == "https://wallet.acme.example/saba/placebet"
    assert posted.body == (
        b'{"key":"vendor-key","message":{"action":"PlaceBet","operationId":"cd5c3588347652df9d5c24c46cdb85ba","userId":"sky001",'
        b'"matchId":1,"isLive":false,"currency":20,"betTime":"2024-06-03T23:39:16.777-04:00",'
        b'"updateTime":"2024-06-03T23:39:16.777-04:00","betAmount":230,"actualAmount":230,"creditAmount":0,'
        b'"debitAmount":230,"IP":"192.0.2.7","refId":"acme.withdraw.hold.1234abcd"}}'
    )


async def test_a_confirm_names_the_operators_own_id_of_the_bet_if_it_is_known() -> None:
    adapter, http = saba(*[answer({"status": 0, "balance": 100})] * 2, confirm_details={"odds": 1, "oddsType": 3})
    assert await adapter.confirm_withdrawal(transfer(memory={"licenseeTxId": "77"})) == Receipt(money(100, "XAG"))
    await adapter.confirm_withdrawal(transfer())
    known, lost = http.posted
    assert known.url == "https://wallet.acme.example/saba/confirmbet"
    assert known.body == (
        b'{"key":"vendor-key","message":{"action":"ConfirmBet","operationId":"f3ff95937ba254d7a35810417ee2908f","userId":"sky001",'
        b'"updateTime":"2024-06-03T23:39:16.777-04:00","transactionTime":"2024-06-03T23:39:16.777-04:00",'
        b'"txns":[{"odds":1,"oddsType":3,"refId":"acme.withdraw.hold.1234abcd","txId":1982104390770900783,"licenseeTxId":"77",'
        b'"actualAmount":230,"isOddsChanged":false,"creditAmount":0,"debitAmount":0}]}}'
    )
    assert lost.body == known.body.replace(b'"licenseeTxId":"77",', b"")


async def test_a_rollback_cancels_the_bet_under_an_operation_of_its_own() -> None:
    adapter, http = saba(*[answer({"status": 0, "balance": 100})] * 2)
    assert await adapter.rollback_withdrawal(transfer()) == Receipt(money(100, "XAG"))
    await adapter.rollback_withdrawal(transfer(amount=None))
    seen, unseen = http.posted
    assert seen.url == "https://wallet.acme.example/saba/cancelbet"
    assert seen.body == (
        b'{"key":"vendor-key","message":{"action":"CancelBet","operationId":"39f9e647c12f5768b5e192b8dde1f77e","userId":"sky001",'
        b'"updateTime":"2024-06-03T23:39:16.777-04:00","errorMessage":"BettingFailed",'
        b'"txns":[{"refId":"acme.withdraw.hold.1234abcd","creditAmount":230,"debitAmount":0}]}}'
    )
    assert unseen.body == seen.body.replace(b',"creditAmount":230,"debitAmount":0', b"")


async def test_currencies_can_be_counted_in_thousands() -> None:
    adapter, http = saba(answer(PLACED), answer({"status": 0, "balance": 12.345678}), **THOUSANDS)
    await adapter.withdraw(transfer(amount=money("15500.25", "XAG")))
    assert b'"betAmount":15.50025,' in http.posted[0].body
    assert await adapter.confirm_withdrawal(transfer()) == Receipt(money("12345.678", "XAG"))


@pytest.mark.parametrize("amount, settings", [("0.0000001", {}), ("0.0001", THOUSANDS)])
async def test_an_amount_with_more_than_six_places_is_declined_unsent(amount: str, settings: dict[str, Any]) -> None:
    adapter, http = saba(**settings)
    with pytest.raises(Declined) as raised:
        await adapter.withdraw(transfer(amount=money(amount, "XAG")))
    assert raised.value.kind is Kind.AMOUNT
    assert http.posted == []


async def test_a_withdraw_in_another_currency_than_the_players_is_declined_unsent() -> None:
    adapter, http = saba()
    with pytest.raises(Declined) as raised:
        await adapter.withdraw(transfer(amount=money(1, "EUR")))
    assert raised.value.kind is Kind.CURRENCY
    assert http.posted == []


@pytest.mark.parametrize("code, kind", [(203, Kind.PLAYER), ("203", Kind.PLAYER), (502, Kind.FUNDS)])
async def test_a_bet_that_was_refused_is_declined(code: object, kind: Kind) -> None:
    adapter, _ = saba(status(code))
    with pytest.raises(Declined) as raised:
        await adapter.withdraw(transfer())
    assert raised.value.kind is kind


async def test_a_player_without_an_account_is_declined_whatever_is_asked() -> None:
    adapter, _ = saba(*[status(203)] * 4)
    with pytest.raises(Declined) as raised:
        await adapter.verify_session(SESSION)
    assert raised.value.kind is Kind.PLAYER
    for call in CALLS:
        with pytest.raises(Declined) as raised:
            await getattr(adapter, call)(transfer())
        assert raised.value.kind is Kind.PLAYER


@pytest.mark.parametrize("code", [1, 101, 309, 504, 901, 999, 777, "", "00"])
async def test_any_other_status_leaves_a_bet_unknown(code: object) -> None:
    adapter, _ = saba(status(code))
    with pytest.raises(Unmapped) as raised:
        await adapter.withdraw(transfer())
    assert not isinstance(raised.value, ParkNow)


@pytest.mark.parametrize("code", [1, "1"])
@pytest.mark.parametrize("call", ENDS)
async def test_an_end_that_was_done_before_is_done(call: str, code: object) -> None:
    adapter, _ = saba(status(code))
    assert await getattr(adapter, call)(transfer()) == Receipt()


@pytest.mark.parametrize("call", ENDS)
async def test_an_end_of_a_ticket_that_no_longer_waits_is_parked(call: str) -> None:
    adapter, _ = saba(status(309))
    with pytest.raises(ParkNow):
        await getattr(adapter, call)(transfer())


async def test_a_refused_bet_that_does_not_wait_to_be_cancelled_has_nothing_to_undo() -> None:
    adapter, _ = saba(status(309))
    with pytest.raises(Declined):
        await adapter.rollback_withdrawal(transfer(fate=Fate.REFUSED))


@pytest.mark.parametrize("code", [101, 502, 901, 999])
@pytest.mark.parametrize("call", ENDS)
async def test_any_other_status_leaves_an_end_unknown(call: str, code: int) -> None:
    adapter, _ = saba(status(code))
    with pytest.raises(Unmapped):
        await getattr(adapter, call)(transfer())


async def test_a_ticket_that_the_operator_never_saw_has_nothing_to_cancel_and_cannot_be_confirmed() -> None:
    adapter, _ = saba(status(504), status(504))
    with pytest.raises(Declined) as raised:
        await adapter.rollback_withdrawal(transfer())
    assert raised.value.kind is Kind.NOT_FOUND
    with pytest.raises(Unmapped):
        await adapter.confirm_withdrawal(transfer())


@pytest.mark.parametrize(
    "said",
    [
        answer({"error_code": 311, "message": "invalid key"}),
        answer({"error_code": 0, "message": "ok"}),
        answer({"status": 0, "error_code": 311, "refId": REF_ID}),
        answer({"status": None, "refId": REF_ID}),
        answer({"status": True, "refId": REF_ID}),
        answer({"status": False, "refId": REF_ID}),
        answer({"status": 0.5, "refId": REF_ID}),
        answer({"status": [0], "refId": REF_ID}),
        answer({"refId": REF_ID, "balance": 1}),
        answer(b"OK"),
        answer([0]),
        answer(PLACED, 201),
        answer(PLACED, 500),
    ],
)
@pytest.mark.parametrize("call", CALLS)
async def test_what_is_not_a_clear_answer_is_unknown(call: str, said: HttpResponse) -> None:
    adapter, _ = saba(said)
    with pytest.raises(Unclear):
        await getattr(adapter, call)(transfer())


@pytest.mark.parametrize("ref_id", [None, "", "another", ["x"]])
async def test_the_yes_to_a_bet_names_our_ref_id(ref_id: object) -> None:
    adapter, _ = saba(answer({**PLACED, "refId": ref_id}))
    with pytest.raises(Unclear, match="refId"):
        await adapter.withdraw(transfer())


@pytest.mark.parametrize(
    "operators_id, memory", [(77, {"licenseeTxId": "77"}), (None, {}), ("", {}), (True, {}), ([], {})]
)
async def test_the_operators_id_only_informs(operators_id: object, memory: dict[str, str]) -> None:
    adapter, _ = saba(answer({**PLACED, "licenseeTxId": operators_id}))
    assert await adapter.withdraw(transfer()) == Receipt(None, memory)


@pytest.mark.parametrize("balance", ["plenty", None, [1]])
@pytest.mark.parametrize("call", ENDS)
async def test_a_balance_that_cannot_be_read_does_not_spoil_a_yes(call: str, balance: object) -> None:
    adapter, _ = saba(answer({"status": "0", "balance": balance}))
    assert await getattr(adapter, call)(transfer()) == Receipt()


@pytest.mark.parametrize("said", [{"status": 0}, {"status": 0, "userId": "another", "balance": 1}])
async def test_a_balance_that_was_asked_for_is_the_players_and_readable(said: dict[str, Any]) -> None:
    adapter, _ = saba(answer(said))
    with pytest.raises(Unclear):
        await adapter.get_balance(SESSION)


@pytest.mark.parametrize("id", ["a/b", "a b", "x" * 60])
async def test_a_ref_id_that_is_too_long_or_odd_is_a_uuid(id: str) -> None:
    adapter, http = saba(*[answer({"status": 0})] * 2)
    for _ in range(2):
        await adapter.rollback_withdrawal(transfer(id=id))
    first, again = [posted.json["message"] for posted in http.posted]
    assert first == again
    assert len(first["txns"][0]["refId"]) == 36


@pytest.mark.parametrize("token", ["sky001", "sky001:", "a:b:c"])
async def test_a_token_of_another_form_than_agreed_is_declined_unsent(token: str) -> None:
    adapter, http = saba()
    with pytest.raises(Declined) as raised:
        await adapter.withdraw(transfer(session=replace(SESSION, token=token)))
    assert raised.value.kind is Kind.SESSION
    assert http.posted == []


async def test_a_deposit_is_declined_since_money_is_given_only_for_a_ticket() -> None:
    adapter, http = saba()
    with pytest.raises(Declined, match="no deposits"):
        await adapter.deposit(transfer())
    assert http.posted == []


@pytest.mark.parametrize("currencies", [{}, {"codes": {"EUR": "1"}}, {"codes": {"XAG": "IDR"}}])
def test_the_currency_needs_its_number_at_saba(currencies: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="Saba's number of XAG"):
        saba(currencies=currencies)
