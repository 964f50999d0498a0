from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from msgspec.structs import replace

from adapters.betsoft import Betsoft, BetsoftSettings
from gateway.money import money
from gateway.operators import (
    Declined,
    Headers,
    HttpResponse,
    Kind,
    Player,
    Receipt,
    RetryLater,
    Session,
    TransferStatus,
    Unclear,
    Unmapped,
)
from gateway.records import Fate
from tests.support.adapters import NOW, ScriptedHttp
from tests.support.transfers import TOKEN, a_transfer

SESSION = Session(operator="acme", token=TOKEN, player_id="u1", memory={"currency": "EUR"})
ANONYMOUS = Session(operator="acme", token=TOKEN)
OLD = a_transfer(session=SESSION, amount=money("2.50", "EUR"), opened_at=NOW - 300)
YOUNG = replace(OLD, opened_at=NOW - 299)

# The ids stand here in full: were a new release to derive others, whatever is under way would be lost.
BET_ID = "7376272310930261140"
WIN_ID = "781009527969501720"
OK = "<RESULT>OK</RESULT><EXTSYSTEMTRANSACTIONID>154456456</EXTSYSTEMTRANSACTIONID>"
DONE = Receipt(None, {"EXTSYSTEMTRANSACTIONID": "154456456"})
MOVES = ("withdraw", "confirm_withdrawal", "rollback_withdrawal")


class Operator(ScriptedHttp):
    """Gives these answers, each after the echo of its request."""

    def __init__(self, *said: str, root: str = "EXTSYSTEM") -> None:
        super().__init__()
        self._said = list(said)
        self._root = root

    async def request(self, method: str, url: str, *, headers: Headers = (), body: bytes | None = None) -> HttpResponse:
        params = parse_qsl((body or b"").decode() or urlsplit(url).query, keep_blank_values=True)
        echo = "".join(f"<{name.upper()}>{value}</{name.upper()}>" for name, value in params)
        response = f"<REQUEST>{echo}</REQUEST><TIME>now</TIME><RESPONSE>{self._said.pop(0)}</RESPONSE>"
        self._answers.append(HttpResponse(200, {}, f"<{self._root}>{response}</{self._root}>".encode()))
        return await super().request(method, url, headers=headers, body=body)

    def sent(self, number: int = 0) -> dict[str, str]:
        return dict(parse_qsl(self.posted[number].body.decode(), keep_blank_values=True))


def betsoft(http: ScriptedHttp, **settings: Any) -> Betsoft:
    usual = {"base_url": "https://acme.example/bsg/", "pass_key": "pass-key", "game_id": "12"}
    return Betsoft(BetsoftSettings.model_validate({**usual, **settings}), http)


def failed(code: str) -> str:
    return f"<RESULT>FAILED</RESULT><CODE>{code}</CODE>"


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


async def outcome(call: str, said: str, transfer: Any = OLD) -> Exception | Receipt:
    try:
        receipt: Receipt = await getattr(betsoft(Operator(said)), call)(transfer)
    except Exception as error:  # noqa: BLE001 - any at all, to be judged
        return error
    return receipt


async def test_a_session_is_authenticated_with_its_token() -> None:
    http = Operator("<RESULT>OK</RESULT><USERID>u1</USERID><CURRENCY>EUR</CURRENCY><BALANCE>12345</BALANCE>")
    player = await betsoft(http).verify_session(ANONYMOUS)
    assert player == Player(player_id="u1", balance=money("123.45", "EUR"), memory={"currency": "EUR"})
    assert http.posted[0].url == "https://acme.example/bsg/authenticate"
    assert http.posted[0].headers == {"Content-Type": "application/x-www-form-urlencoded"}
    assert http.sent() == {"token": TOKEN, "hash": md5(f"{TOKEN}pass-key")}


async def test_a_balance_has_the_currency_of_the_session() -> None:
    http = Operator("<RESULT>OK</RESULT><BALANCE>12345</BALANCE>")
    assert await betsoft(http).get_balance(SESSION) == money("123.45", "EUR")
    assert http.posted[0].url.endswith("/getBalance")
    assert http.sent() == {"userId": "u1", "hash": md5("u1pass-key")}


async def test_the_balance_of_an_unknown_player_comes_with_the_session() -> None:
    http = Operator("<RESULT>OK</RESULT><USERID>u1</USERID><CURRENCY>EUR</CURRENCY><BALANCE>12345</BALANCE>")
    assert await betsoft(http).get_balance(ANONYMOUS) == money("123.45", "EUR")
    assert http.posted[0].url.endswith("/authenticate")


async def test_a_withdraw_is_a_bet_that_leaves_its_round_open() -> None:
    http = Operator(f"{OK}<BALANCE>12345</BALANCE>")
    receipt = await betsoft(http).withdraw(OLD)
    assert receipt == Receipt(money("123.45", "EUR"), {"EXTSYSTEMTRANSACTIONID": "154456456"})
    assert http.posted[0].body.decode() == (
        f"userId=u1&bet=250%7C{BET_ID}&isRoundFinished=false&roundId={BET_ID}&gameId=12&gameSessionId={BET_ID}"
        f"&hash={md5(f'u1250|{BET_ID}false{BET_ID}12pass-key')}"
    )


async def test_a_confirm_closes_the_round_with_a_win_of_nothing() -> None:
    http = Operator(f"{OK}<BALANCE>12345</BALANCE>")
    await betsoft(http).confirm_withdrawal(OLD)
    assert http.posted[0].body.decode() == (
        f"userId=u1&win=0%7C{WIN_ID}&isRoundFinished=true&roundId={BET_ID}&gameId=12&gameSessionId={BET_ID}"
        f"&hash={md5(f'u10|{WIN_ID}true{BET_ID}12pass-key')}"
    )


async def test_a_confirm_can_send_nothing() -> None:
    http = Operator()
    assert await betsoft(http, confirm="none").confirm_withdrawal(OLD) == Receipt()
    assert http.posted == []


async def test_a_rollback_refunds_the_bet_under_its_own_id() -> None:
    http = Operator(OK)
    assert await betsoft(http).rollback_withdrawal(OLD) == Receipt()
    assert http.posted[0].url == "https://acme.example/bsg/refundBet"
    assert http.posted[0].body.decode() == (
        f"userId=u1&casinoTransactionId={BET_ID}&roundId={BET_ID}&hash={md5(f'u1{BET_ID}pass-key')}"
    )


async def test_a_rollback_goes_out_without_player_and_amount() -> None:
    http = Operator(OK)
    assert await betsoft(http).rollback_withdrawal(replace(OLD, session=ANONYMOUS, amount=None)) == Receipt()
    assert http.sent()["userId"] == ""
    assert http.sent()["casinoTransactionId"] == BET_ID


async def test_parameters_can_go_in_the_query_with_token_and_constants_to_other_addresses() -> None:
    http = Operator(OK)
    settings: dict[str, Any] = {"endpoints": {"refundBet": "RefundBet"}, "constants": {"bankId": "2 1"}}
    await betsoft(http, parameters="query", send_token=True, **settings).rollback_withdrawal(OLD)
    assert http.posted[0].method == "GET"
    assert http.posted[0].body == b""
    assert http.posted[0].url == (
        f"https://acme.example/bsg/RefundBet?bankId=2%201&userId=u1&token={TOKEN}&casinoTransactionId={BET_ID}"
        f"&roundId={BET_ID}&hash={md5(f'u1{BET_ID}pass-key')}"
    )


@pytest.mark.parametrize("call", MOVES)
async def test_the_dialect_with_another_root_is_read(call: str) -> None:
    assert isinstance(await getattr(betsoft(Operator(OK, root="VGSSYSTEM")), call)(OLD), Receipt)


@pytest.mark.parametrize(
    "code,kind",
    [
        ("300", Kind.FUNDS),
        ("301", Kind.OTHER),
        ("310", Kind.PLAYER),
        *((str(code), Kind.LIMIT) for code in (*range(311, 318), 322, 323)),
        ("324", Kind.SESSION),
        ("500", Kind.OTHER),
    ],
)
async def test_a_bet_is_declined_by_the_codes_after_which_the_provider_cancels_it(code: str, kind: Kind) -> None:
    error = await outcome("withdraw", failed(code))
    assert isinstance(error, Declined)
    assert (error.kind, error.text) == (kind, f"betResult: FAILED {code}")


@pytest.mark.parametrize(
    "call,codes",
    [
        ("withdraw", ("302", "318", "326", "399", "400", "599", "602", "610", "999", "OK", "0")),
        ("confirm_withdrawal", ("300", "301", "302", "311", "399", "400", "602", "OK")),
        ("rollback_withdrawal", ("300", "301", "311", "399", "400", "602", "OK")),
    ],
)
async def test_a_code_that_does_not_say_what_happened_is_unknown(call: str, codes: tuple[str, ...]) -> None:
    errors = [await outcome(call, failed(code)) for code in codes]
    assert {type(error) for error in errors} == {Unmapped}


@pytest.mark.parametrize("call", MOVES)
@pytest.mark.parametrize(
    "said", ["<RESULT>OK</RESULT><CODE>399</CODE>", "<RESULT>ok</RESULT>", "<RESULT>FAILED</RESULT>"]
)
async def test_an_answer_that_is_not_wholly_a_yes_is_unknown(call: str, said: str) -> None:
    assert type(await outcome(call, said)) is Unmapped


async def test_an_unknown_bet_is_asked_for_again_until_five_minutes_after_it_began() -> None:
    assert isinstance(await outcome("rollback_withdrawal", failed("302"), YOUNG), RetryLater)
    error = await outcome("rollback_withdrawal", failed("302"), OLD)
    assert isinstance(error, Declined)
    assert error.kind is Kind.NOT_FOUND


async def test_a_bet_that_was_refused_is_not_waited_for() -> None:
    error = await outcome("rollback_withdrawal", failed("302"), replace(YOUNG, fate=Fate.REFUSED))
    assert isinstance(error, Declined)
    assert error.kind is Kind.NOT_FOUND


async def test_the_five_minutes_are_a_setting() -> None:
    with pytest.raises(Declined):
        await betsoft(Operator(failed("302")), ask_again_for_s=10).rollback_withdrawal(YOUNG)
    with pytest.raises(RetryLater):
        await betsoft(Operator(failed("302")), ask_again_for_s=301).rollback_withdrawal(OLD)


@pytest.mark.parametrize(
    "said,status",
    [
        ((OK,), TransferStatus.CONFIRMED),
        ((failed("302"), OK), TransferStatus.HELD),
        ((failed("302"), failed("302")), TransferStatus.NOT_FOUND),
    ],
)
async def test_the_status_of_the_win_and_of_the_bet_tell_what_became_of_a_transfer(
    said: tuple[str, ...], status: TransferStatus
) -> None:
    http = Operator(*said)
    assert await betsoft(http).look_up(OLD) is status
    asked = [http.sent(number) for number in range(len(said))]
    assert [each["casinoTransactionId"] for each in asked] == [WIN_ID, BET_ID][: len(said)]
    assert asked[0]["hash"] == md5(f"u1{WIN_ID}pass-key")
    assert {posted.url for posted in http.posted} == {"https://acme.example/bsg/getStatus"}


async def test_a_bet_that_may_still_come_has_no_status() -> None:
    with pytest.raises(RetryLater):
        await betsoft(Operator(failed("302"), failed("302"))).look_up(YOUNG)


async def test_a_status_with_another_code_is_unknown() -> None:
    for said in ((failed("399"),), (failed("302"), failed("310"))):
        with pytest.raises(Unmapped):
            await betsoft(Operator(*said)).look_up(OLD)


def other(name: str, value: str, result: str = OK) -> ScriptedHttp:
    body = f"<EXTSYSTEM><REQUEST><{name}>{value}</{name}></REQUEST><RESPONSE>{result}</RESPONSE></EXTSYSTEM>"
    return ScriptedHttp(HttpResponse(200, {}, body.encode()))


@pytest.mark.parametrize("call,name", list(zip(MOVES, ("BET", "WIN", "CASINOTRANSACTIONID"), strict=True)))
async def test_a_yes_that_does_not_repeat_our_id_is_unclear(call: str, name: str) -> None:
    for http in (other(name, "1"), other(name, ""), other("USERID", "u1"), other(name, "1", failed("310"))):
        with pytest.raises(Unclear, match="another request"):
            await getattr(betsoft(http), call)(OLD)


async def test_a_no_may_leave_out_what_it_answers() -> None:
    with pytest.raises(Declined) as declined:
        await betsoft(other("USERID", "u1", failed("300"))).withdraw(OLD)
    assert declined.value.kind is Kind.FUNDS


@pytest.mark.parametrize(
    "body",
    [
        b"<EXTSYSTEM/>",
        b"<EXTSYSTEM><RESPONSE/></EXTSYSTEM>",
        b"<EXTSYSTEM><RESPONSE><RESULT/></RESPONSE></EXTSYSTEM>",
        b"<EXTSYSTEM><RESPONSE><RESULT>OK</RESULT><RESULT>OK</RESULT></RESPONSE></EXTSYSTEM>",
        b"<html><RESPONSE><RESULT>OK</RESULT></RESPONSE></html>",
        b"OK",
    ],
)
async def test_an_answer_of_another_form_is_unclear(body: bytes) -> None:
    with pytest.raises(Unclear) as unclear:
        await betsoft(ScriptedHttp(HttpResponse(200, {}, body))).withdraw(OLD)
    assert type(unclear.value) is Unclear


async def test_a_balance_that_cannot_be_read_spoils_no_yes() -> None:
    for balance in ("<BALANCE/>", "<BALANCE>a lot</BALANCE>", "", "<BALANCE>1</BALANCE><BALANCE>2</BALANCE>"):
        assert await outcome("withdraw", OK + balance) == DONE


async def test_a_fraction_of_a_cent_is_declined_unsent() -> None:
    http = Operator()
    for amount in ("0.001", "92233720368547758.08"):
        with pytest.raises(Declined, match="nothing was sent"):
            await betsoft(http).withdraw(replace(OLD, amount=money(amount, "EUR")))
    assert http.posted == []


@pytest.mark.parametrize("memory", [{"currency": "XAG"}, {"currency": ""}, {}])
async def test_a_withdraw_in_another_currency_than_the_players_is_declined_unsent(memory: dict[str, str]) -> None:
    http = Operator()
    with pytest.raises(Declined, match="nothing was sent") as declined:
        await betsoft(http).withdraw(replace(OLD, session=replace(SESSION, memory=memory)))
    assert declined.value.kind is Kind.CURRENCY
    assert http.posted == []


async def test_the_players_currency_is_the_same_in_any_case() -> None:
    http = Operator(OK)
    await betsoft(http).withdraw(replace(OLD, session=replace(SESSION, memory={"currency": "eur"})))
    assert http.sent()["bet"] == f"250|{BET_ID}"


async def test_a_session_of_another_or_without_a_player_is_unclear() -> None:
    for http in (other("TOKEN", "another", f"{OK}<USERID>u1</USERID>"), other("TOKEN", TOKEN)):
        with pytest.raises(Unclear):
            await betsoft(http).verify_session(ANONYMOUS)


async def test_currencies_have_the_operators_name() -> None:
    http = Operator("<RESULT>OK</RESULT><USERID>u1</USERID><CURRENCY>USD</CURRENCY><BALANCE>100</BALANCE>")
    player = await betsoft(http, currencies={"XAG": "USD"}).verify_session(ANONYMOUS)
    assert (player.balance, player.memory) == (money("1", "XAG"), {"currency": "XAG"})
