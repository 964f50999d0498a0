from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import pytest
from pydantic import ValidationError

from adapters.groove import Groove, GrooveSettings
from gateway.money import Money, money
from gateway.operators import Declined, Kind, ParkNow, Player, Receipt, Session, Unclear, Unmapped
from tests.support.adapters import ScriptedHttp, answer
from tests.support.transfers import SESSION, TOKEN, a_transfer
from tests.support.vectors import GROOVE_KEY, GROOVE_SIGNATURES

ANONYMOUS = Session(operator=SESSION.operator, token=TOKEN)
KNOWN = Session(operator=SESSION.operator, token=TOKEN, player_id="p1", memory={"currency": "XAG"})
WITHDRAWAL = a_transfer(session=KNOWN)
WAGER = "2b278c46-1345-57f5-a402-78a6f25fd20f"

LOOKS = ("verify_session", "get_balance")
ENDS = ("confirm_withdrawal", "rollback_withdrawal")
MOVES = ("withdraw", *ENDS)


def ok(**members: object) -> dict[str, Any]:
    usual = {"code": 200, "status": "Success", "balance": 51800, "real_balance": 51000, "accounttransactionid": "t-1"}
    return {**usual, **members}


def account(**members: object) -> dict[str, Any]:
    usual = {"accountid": "p1", "gamesessionid": TOKEN, "currency": "XAG", "real_balance": 5}
    return {"code": 200, "status": "Success", **usual, **members}


def no(code: object, status: object = "no") -> dict[str, Any]:
    return {"code": code, "status": status}


def groove(*said: object, status: int = 200, **settings: Any) -> tuple[Groove, ScriptedHttp]:
    http = ScriptedHttp(*(answer(each, status) for each in said))
    usual = {"url": "https://acme.example/", "security_key": GROOVE_KEY, "game_id": "80102"}
    return Groove(GrooveSettings.model_validate({**usual, **settings}), http), http


def query(http: ScriptedHttp, at: int = 0) -> dict[str, str]:
    address, _, text = http.posted[at].url.partition("?")
    assert (http.posted[at].method, address) == ("GET", "https://acme.example/")
    return dict(parse_qsl(text, strict_parsing=True))


async def call(adapter: Groove, name: str) -> Any:
    return await getattr(adapter, name)(KNOWN if name in LOOKS else WITHDRAWAL)


REQUESTS = ("getaccount", "getbalance", "wager")


@pytest.mark.parametrize("request_name, vector", [*zip(REQUESTS, GROOVE_SIGNATURES, strict=True)])
def test_the_vendors_published_signatures_are_met(request_name: str, vector: tuple[dict[str, str], str]) -> None:
    adapter, _ = groove(sign_request="transactions")
    params, signature = vector
    params = {name: value for name, value in params.items() if name != "request"}
    if request_name == "getbalance":
        params["nogsgameid"] = params.pop("gameid")
    assert adapter._signature(request_name, params) == signature


@pytest.mark.parametrize("signed, moving, reading", [("none", 0, 0), ("transactions", 1, 0), ("all", 1, 1)])
def test_the_request_is_signed_too_where_that_is_agreed(signed: str, moving: int, reading: int) -> None:
    adapter, _ = groove(sign_request=signed)
    signatures = {adapter._signature(request, {"transactionid": "t"}) for request in ("wager", "rollback")}
    assert len(signatures) == 1 + moving
    signatures = {adapter._signature(request, {"accountid": "a"}) for request in ("getaccount", "getbalance")}
    assert len(signatures) == 1 + reading


async def test_every_request_is_signed() -> None:
    adapter, http = groove(ok(), ok(), ok())
    for name in MOVES:
        await call(adapter, name)
    for at, posted in enumerate(http.posted):
        params = query(http, at)
        assert posted.headers == {"X-Groove-Signature": adapter._signature(params.pop("request"), params)}


# The ids stand here in full: were a new release to derive others, whatever is under way would be lost.
async def test_a_withdraw_is_a_wager() -> None:
    adapter, http = groove(ok())
    assert await adapter.withdraw(WITHDRAWAL) == Receipt(money("51800", "XAG"), {"transactionId": "t-1"})
    assert query(http) == {
        "request": "wager",
        "accountid": "p1",
        "gamesessionid": TOKEN,
        "device": "desktop",
        "apiversion": "1.2",
        "gameid": "80102",
        "roundid": "1234abcd",
        "transactionid": WAGER,
        "betamount": "230",
    }


async def test_a_confirm_completes_the_round_with_a_result_of_nothing() -> None:
    adapter, http = groove(ok())
    assert await adapter.confirm_withdrawal(WITHDRAWAL) == Receipt(money("51800", "XAG"))
    sent = query(http)
    assert (sent["request"], sent["result"], sent["gamestatus"]) == ("result", "0", "completed")
    assert sent["roundid"] == "1234abcd"
    assert sent["transactionid"] != WAGER


async def test_a_rollback_names_the_wagers_own_transaction() -> None:
    adapter, http = groove(ok())
    assert await adapter.rollback_withdrawal(WITHDRAWAL) == Receipt(money("51800", "XAG"))
    sent = query(http)
    assert (sent["request"], sent["transactionid"], sent["roundid"]) == ("rollback", WAGER, "1234abcd")
    assert "rollbackamount" not in sent


async def test_a_confirm_can_send_nothing() -> None:
    adapter, http = groove(confirm="none")
    assert await adapter.confirm_withdrawal(WITHDRAWAL) == Receipt()
    assert http.posted == []


async def test_an_id_that_needs_quoting_is_quoted_and_signed_as_it_is() -> None:
    adapter, http = groove(ok())
    await adapter.withdraw(a_transfer(id="a&b=ä c/+", session=KNOWN))
    assert "roundid=a%26b%3D%C3%A4%20c%2F%2B&" in http.posted[0].url
    params = query(http)
    assert params["roundid"] == "a&b=ä c/+"
    assert http.posted[0].headers["X-Groove-Signature"] == adapter._signature(params.pop("request"), params)


async def test_a_session_is_whose_account_the_operator_names() -> None:
    adapter, http = groove(account())
    assert await adapter.verify_session(ANONYMOUS) == Player(player_id="p1", balance=None, memory={"currency": "XAG"})
    assert query(http).keys() == {"request", "gamesessionid", "device", "apiversion"}


async def test_a_token_can_carry_the_account() -> None:
    adapter, http = groove(account(gamesessionid="s-1"), session_token="{player}:{session}")
    session = Session(operator="acme", token="p1:s-1")
    assert (await adapter.verify_session(session)).player_id == "p1"
    sent = query(http)
    assert (sent["accountid"], sent["gamesessionid"]) == ("p1", "s-1")


@pytest.mark.parametrize(
    "odd",
    [
        {"accountid": None},
        {"accountid": ""},
        {"accountid": 7},
        {"accountid": "p2"},
        {"gamesessionid": "another"},
        {"gamesessionid": None},
        {"currency": None},
        {"currency": " "},
        {"currency": 840},
    ],
)
async def test_a_session_without_all_that_wagers_need_is_unknown(odd: dict[str, Any]) -> None:
    adapter, _ = groove(account(**odd))
    with pytest.raises(Unclear, match="the answer "):
        await adapter.verify_session(KNOWN)


async def test_a_balance_is_the_whole_one_digit_for_digit() -> None:
    adapter, http = groove(b'{"code": 200, "status": "Success", "balance": 12345678901234567890.123}')
    assert await adapter.get_balance(KNOWN) == Money(Decimal("12345678901234567890.123"), "XAG")
    assert query(http)["nogsgameid"] == "80102"


async def test_a_balance_of_an_unknown_account_asks_for_the_account_first() -> None:
    adapter, http = groove(account(), ok())
    assert await adapter.get_balance(ANONYMOUS) == money("51800", "XAG")
    assert [query(http, at)["request"] for at in (0, 1)] == ["getaccount", "getbalance"]


@pytest.mark.parametrize("memory", [{}, {"currency": "EUR"}])
async def test_a_wager_in_another_currency_than_the_accounts_is_declined_unsent(memory: dict[str, str]) -> None:
    adapter, http = groove()
    session = Session(operator="acme", token=TOKEN, player_id="p1", memory=memory)
    with pytest.raises(Declined) as raised:
        await adapter.withdraw(a_transfer(session=session))
    assert raised.value.kind is Kind.CURRENCY
    assert http.posted == []


async def test_an_end_goes_out_without_the_currency() -> None:
    adapter, http = groove(ok(), ok())
    for name in ENDS:
        assert await getattr(adapter, name)(a_transfer(session=SESSION, amount=None)) == Receipt()
    assert len(http.posted) == 2


async def test_currencies_are_translated_both_ways() -> None:
    adapter, _ = groove(ok(), currencies={"XAG": "eur"})
    session = Session(operator="acme", token=TOKEN, player_id="p1", memory={"currency": "EUR"})
    assert (await adapter.withdraw(a_transfer(session=session))).balance == money("51800", "XAG")


@pytest.mark.parametrize("amount", ["0.1", "1e-10", "2", "9999999999999999999999.9999999999"])
async def test_amounts_are_written_in_plain_digits(amount: str) -> None:
    adapter, http = groove(ok())
    await adapter.withdraw(a_transfer(session=KNOWN, amount=money(amount, "XAG")))
    assert Decimal(query(http)["betamount"]) == Decimal(amount)
    assert "e" not in query(http)["betamount"].lower()


@pytest.mark.parametrize("amount", ["1e-11", "10000000000000000000000"])
async def test_an_amount_that_the_contract_cannot_carry_is_declined_unsent(amount: str) -> None:
    adapter, http = groove()
    with pytest.raises(Declined) as raised:
        await adapter.withdraw(a_transfer(session=KNOWN, amount=money(amount, "XAG")))
    assert raised.value.kind is Kind.AMOUNT
    assert http.posted == []


@pytest.mark.parametrize(
    "code, kind", [(1000, Kind.SESSION), (1006, Kind.FUNDS), (1019, Kind.LIMIT), (1035, Kind.PLAYER)]
)
async def test_a_wager_is_declined_for_what_is_checked_before_it_is_booked(code: int, kind: Kind) -> None:
    adapter, _ = groove(no(code))
    with pytest.raises(Declined) as raised:
        await adapter.withdraw(WITHDRAWAL)
    assert raised.value.kind is kind
    assert f'"code": {code}' in raised.value.text


@pytest.mark.parametrize("name", LOOKS)
@pytest.mark.parametrize("code, kind", [(1000, Kind.SESSION), (1035, Kind.PLAYER)])
async def test_a_session_that_is_refused_is_declined(name: str, code: int, kind: Kind) -> None:
    adapter, _ = groove(no(code))
    with pytest.raises(Declined) as raised:
        await call(adapter, name)
    assert raised.value.kind is kind


async def test_the_rollback_of_a_wager_that_is_not_found_finds_nothing() -> None:
    adapter, _ = groove(no(102))
    with pytest.raises(Declined) as raised:
        await adapter.rollback_withdrawal(WITHDRAWAL)
    assert raised.value.kind is Kind.NOT_FOUND


async def test_the_rollback_of_a_wager_that_has_its_result_is_parked() -> None:
    adapter, _ = groove(no(110))
    with pytest.raises(ParkNow):
        await adapter.rollback_withdrawal(WITHDRAWAL)


@pytest.mark.parametrize("code, status", [(200, "Success - duplicate request"), (0, "success"), (0, "Success")])
async def test_a_rollback_that_was_done_before_is_done(code: int, status: str) -> None:
    adapter, _ = groove(no(code, status))
    assert await adapter.rollback_withdrawal(WITHDRAWAL) == Receipt()


OTHER_CODES = (1, 400, 409, 1001, 1003, 987654, -1)


@pytest.mark.parametrize(
    "name, code",
    [
        *[("withdraw", code) for code in (0, 102, 110, *OTHER_CODES)],
        *[("confirm_withdrawal", code) for code in (0, 102, 110, 1000, 1006, 1019, 1035, *OTHER_CODES)],
        *[("rollback_withdrawal", code) for code in (1000, 1006, 1019, 1035, *OTHER_CODES)],
    ],
)
async def test_any_other_code_is_unknown_but_shows_an_operator_that_lives(name: str, code: int) -> None:
    adapter, _ = groove(no(code, "Success"))
    with pytest.raises(Unmapped) as raised:
        await call(adapter, name)
    assert type(raised.value) is Unmapped


@pytest.mark.parametrize(
    "odd",
    [
        {"code": "200"},
        {"code": True},
        {"code": None},
        {"code": [200]},
        {"code": 200.0},
        {"status": None},
        {"status": 200},
        {"status": "Wager not found"},
        {"status": ""},
    ],
)
@pytest.mark.parametrize("name", MOVES)
async def test_what_is_no_clear_answer_is_no_success_and_no_decline(name: str, odd: dict[str, Any]) -> None:
    adapter, _ = groove(ok(**odd))
    with pytest.raises(Unclear) as raised:
        await call(adapter, name)
    assert type(raised.value) is Unclear


@pytest.mark.parametrize("id", [None, "", 7, ["t-1"]])
async def test_a_wager_without_the_operators_id_is_unknown(id: object) -> None:
    adapter, _ = groove(ok(accounttransactionid=id))
    with pytest.raises(Unclear, match="no accounttransactionid"):
        await adapter.withdraw(WITHDRAWAL)


@pytest.mark.parametrize("said", [b"<h1>It works!</h1>", b"", b"[200]", b'{"code": 200, "code": 1}'])
@pytest.mark.parametrize("name", [*MOVES, *LOOKS])
async def test_what_is_no_answer_is_unknown(name: str, said: bytes) -> None:
    adapter, _ = groove(said)
    with pytest.raises(Unclear) as raised:
        await call(adapter, name)
    assert type(raised.value) is Unclear


@pytest.mark.parametrize("status", [201, 400, 404, 500])
@pytest.mark.parametrize("name", MOVES)
async def test_another_http_status_is_unknown_whatever_it_says(name: str, status: int) -> None:
    for said in (ok(), no(1006), no(102)):
        adapter, _ = groove(said, status=status)
        with pytest.raises(Unclear, match=f"HTTP {status}"):
            await call(adapter, name)


@pytest.mark.parametrize("balance", [None, "plenty", [1], True, {}])
async def test_a_yes_is_a_yes_whatever_its_balance(balance: object) -> None:
    adapter, _ = groove(*[ok(balance=balance)] * 4)
    for name in MOVES:
        assert (await call(adapter, name)).balance is None
    with pytest.raises(Unclear, match="no balance that can be read"):
        await adapter.get_balance(KNOWN)


@pytest.mark.parametrize("name", ENDS)
async def test_an_end_of_nobody_knows_whom_is_not_sent(name: str) -> None:
    adapter, http = groove()
    with pytest.raises(Unclear, match="nothing was sent"):
        await getattr(adapter, name)(a_transfer(session=ANONYMOUS))
    assert http.posted == []


async def test_deposits_are_not_sent() -> None:
    adapter, http = groove()
    with pytest.raises(Declined):
        await adapter.deposit(WITHDRAWAL)
    assert http.posted == []


def test_a_token_template_without_a_player_is_refused() -> None:
    with pytest.raises(ValidationError, match="player"):
        groove(session_token="{session}")


def test_an_endpoint_with_a_query_of_its_own_is_refused() -> None:
    with pytest.raises(ValidationError, match="url"):
        groove(url="https://acme.example/?casino=1")
