from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.hub88 import Hub88, Hub88Settings
from adapters.hub88.sandbox_key import SANDBOX_KEY
from gateway.money import Money, money
from gateway.operators import (
    Declined,
    Direction,
    Headers,
    HttpResponse,
    Kind,
    Player,
    Receipt,
    Session,
    Unclear,
    Unmapped,
)
from gateway.records import WALLET_DIRECTIONS
from gateway.toolbox import is_rsa_sha256_base64, read_rsa_key
from tests.support.adapters import ScriptedHttp, answer
from tests.support.transfers import SESSION, TOKEN, a_transfer
from tests.support.vectors import HUB88_PUBLIC_KEY

ANONYMOUS = Session(operator=SESSION.operator, token=TOKEN)
PUBLIC_KEY = read_rsa_key(SANDBOX_KEY).public_key()
UNITS = 5180000000
LARGEST = money("92233720368547.75807", "XAG")

WITHDRAWAL = a_transfer()
DEPOSIT = a_transfer(direction=Direction.DEPOSIT)

HOLDS = ("withdraw", "deposit")
ROLLBACKS = ("rollback_withdrawal", "rollback_deposit")
MOVES = (*HOLDS, "confirm_withdrawal", *ROLLBACKS)
LOOKS = ("verify_session", "get_balance")


class Operator(ScriptedHttp):
    """Answers each request with a status and members, and with the request's own request_uuid."""

    def __init__(self, *said: dict[str, Any]) -> None:
        super().__init__()
        self._said = list(said)

    async def request(self, method: str, url: str, *, headers: Headers = (), body: bytes | None = None) -> HttpResponse:
        echo = {"request_uuid": json.loads(body or b"")["request_uuid"]}
        self._answers.append(HttpResponse(200, {}, json.dumps({**echo, **self._said.pop(0)}).encode()))
        return await super().request(method, url, headers=headers, body=body)

    @property
    def endpoints(self) -> list[str]:
        return [posted.url.removeprefix("https://acme.example/hub88/") for posted in self.posted]


class Loud(Operator):
    """Says every id in large letters."""

    async def request(self, method: str, url: str, *, headers: Headers = (), body: bytes | None = None) -> HttpResponse:
        said = json.loads((await super().request(method, url, headers=headers, body=body)).body)
        return answer({**said, "request_uuid": said["request_uuid"].upper()})


def ok(**members: object) -> dict[str, Any]:
    return {"status": "RS_OK", "user": "p1", "currency": "XAG", "balance": UNITS, **members}


def no(status: str, **members: object) -> dict[str, Any]:
    return {"status": status, **members}


def hub88(*said: dict[str, Any], **settings: Any) -> tuple[Hub88, Operator]:
    http = Operator(*said)
    return Hub88(configured(**settings), http), http


def configured(**settings: Any) -> Hub88Settings:
    usual = {"base_url": "https://acme.example/hub88/", "private_key": SANDBOX_KEY, "game_code": "mm_game"}
    return Hub88Settings.model_validate({**usual, **settings})


async def test_every_request_is_signed_over_the_bytes_that_are_sent() -> None:
    adapter, http = hub88(ok(), ok(), ok())
    await adapter.withdraw(WITHDRAWAL)
    await adapter.confirm_withdrawal(WITHDRAWAL)
    await adapter.rollback_withdrawal(WITHDRAWAL)
    for posted in http.posted:
        assert is_rsa_sha256_base64(PUBLIC_KEY, posted.body, posted.headers["X-Hub88-Signature"])
    assert len(http.posted) == 3


# The ids stand here in full: were a new release to derive others, whatever is under way would be lost.
async def test_a_withdraw_is_a_bet_that_leaves_its_round_open() -> None:
    adapter, http = hub88(ok())
    receipt = await adapter.withdraw(a_transfer(amount=money("3.56", "XAG")))
    assert receipt == Receipt(money("51800", "XAG"))
    assert http.endpoints == ["transaction/bet"]
    assert http.posted[0].json == {
        "user": "p1",
        "transaction_uuid": "de0fc18e-893e-5d69-9f90-f78a3306c480",
        "supplier_transaction_id": "withdraw:1234abcd",
        "token": TOKEN,
        "round": "1234abcd",
        "request_uuid": "fda30f70-081b-55de-87bf-07f05d09393c",
        "game_code": "mm_game",
        "currency": "XAG",
        "amount": 356000,
        "round_closed": False,
        "is_free": False,
    }


async def test_a_confirm_closes_the_bets_round_with_a_win_of_nothing() -> None:
    adapter, http = hub88(ok(), ok())
    await adapter.withdraw(WITHDRAWAL)
    await adapter.confirm_withdrawal(WITHDRAWAL)
    bet, win = (posted.json for posted in http.posted)
    assert http.endpoints == ["transaction/bet", "transaction/win"]
    assert win["reference_transaction_uuid"] == bet["transaction_uuid"] != win["transaction_uuid"]
    assert (win["amount"], win["round_closed"], win["round"]) == (0, True, "1234abcd")


async def test_a_rollback_names_the_bet_and_has_an_id_of_its_own() -> None:
    adapter, http = hub88(ok(), ok())
    await adapter.withdraw(WITHDRAWAL)
    await adapter.rollback_withdrawal(WITHDRAWAL)
    bet, rollback = (posted.json for posted in http.posted)
    assert http.endpoints[1] == "transaction/rollback"
    assert rollback["reference_transaction_uuid"] == bet["transaction_uuid"] != rollback["transaction_uuid"]
    assert "amount" not in rollback


async def test_a_deposit_is_a_promotions_win_that_needs_no_bet() -> None:
    adapter, http = hub88(ok(), ok())
    await adapter.deposit(DEPOSIT)
    await adapter.rollback_deposit(DEPOSIT)
    win, rollback = (posted.json for posted in http.posted)
    assert http.endpoints == ["transaction/win", "transaction/rollback"]
    assert (win["is_supplier_promo"], win["amount"], win["supplier_transaction_id"]) == (
        True,
        23000000,
        "deposit:1234abcd",
    )
    assert "reference_transaction_uuid" not in win
    assert rollback["reference_transaction_uuid"] == win["transaction_uuid"]


async def test_no_two_steps_share_an_id() -> None:
    adapter, http = hub88(*[ok()] * 5)
    other = a_transfer(id="1234abce")
    for each in (WITHDRAWAL, other):
        await adapter.withdraw(each)
        await adapter.rollback_withdrawal(each)
    await adapter.deposit(DEPOSIT)
    ids = [posted.json[name] for posted in http.posted for name in ("transaction_uuid", "request_uuid")]
    assert len(set(ids)) == len(ids) == 10


@pytest.mark.parametrize(
    "amount, units",
    [("0.1", 10000), ("230.00", 23000000), ("0.00001", 1), (str(LARGEST.amount), 2**63 - 1)],
)
async def test_amounts_are_counted_in_hundred_thousandths(amount: str, units: int) -> None:
    adapter, http = hub88(ok(balance=units))
    receipt = await adapter.withdraw(a_transfer(amount=money(amount, "XAG")))
    assert http.posted[0].json["amount"] == units
    assert receipt.balance == money(amount, "XAG")


@pytest.mark.parametrize("amount", ["0.000001", "1.123456", "92233720368547.75808", "1234567890123456.78"])
@pytest.mark.parametrize("direction", WALLET_DIRECTIONS)
async def test_an_amount_that_cannot_be_written_is_declined_and_nothing_is_sent(
    direction: Direction, amount: str
) -> None:
    adapter, http = hub88()
    transfer = a_transfer(amount=money(amount, "XAG"), direction=direction, session=ANONYMOUS)
    with pytest.raises(Declined) as raised:
        await (adapter.withdraw(transfer) if direction is Direction.WITHDRAW else adapter.deposit(transfer))
    assert raised.value.kind is Kind.AMOUNT
    assert http.posted == []


async def test_a_balance_may_be_below_nothing_and_larger_than_an_amount() -> None:
    adapter, _ = hub88(ok(balance=-150000), ok(balance=2**70))
    assert (await adapter.get_balance(SESSION)).amount == Decimal("-1.5")
    assert (await adapter.get_balance(SESSION)).amount == Decimal(2**70) / 100000


async def test_a_session_is_whose_balance_it_shows() -> None:
    adapter, http = hub88(ok())
    player = await adapter.verify_session(ANONYMOUS)
    assert (player.player_id, player.balance) == ("p1", money("51800", "XAG"))
    assert http.endpoints == ["user/balance"]
    assert "user" not in http.posted[0].json


def test_the_gateway_finds_out_whose_session_it_is_before_money_moves() -> None:
    assert Hub88.needs_player


async def test_currencies_are_translated_both_ways() -> None:
    adapter, http = hub88(ok(currency="USD"), currencies={"XAG": "USD"})
    receipt = await adapter.withdraw(WITHDRAWAL)
    assert http.posted[0].json["currency"] == "USD"
    assert receipt.balance == money("51800", "XAG")


@pytest.mark.parametrize("said", ["usd", "Usd", " USD "])
async def test_a_currency_is_the_same_in_any_case(said: str) -> None:
    adapter, http = hub88(ok(currency=said), currencies={"xag": "usd"})
    assert await adapter.withdraw(WITHDRAWAL) == Receipt(money("51800", "xag"))
    assert http.posted[0].json["currency"] == "usd"


@pytest.mark.parametrize(
    "status, kind",
    [
        ("RS_ERROR_NOT_ENOUGH_MONEY", Kind.FUNDS),
        ("RS_ERROR_LIMIT_REACHED", Kind.LIMIT),
        ("RS_ERROR_INVALID_TOKEN", Kind.SESSION),
        ("RS_ERROR_TOKEN_EXPIRED", Kind.SESSION),
        ("RS_ERROR_USER_DISABLED", Kind.PLAYER),
    ],
)
async def test_a_bet_is_declined_where_the_contract_needs_no_rollback_or_refuses_who_asks(
    status: str, kind: Kind
) -> None:
    adapter, _ = hub88(no(status, balance=1))
    with pytest.raises(Declined) as raised:
        await adapter.withdraw(WITHDRAWAL)
    assert (raised.value.kind, raised.value.text) == (kind, status)


UNPROVEN = [
    "RS_ERROR_UNKNOWN",
    "RS_ERROR_INVALID_PARTNER",
    "RS_ERROR_INVALID_GAME",
    "RS_ERROR_WRONG_CURRENCY",
    "RS_ERROR_INVALID_SIGNATURE",
    "RS_ERROR_WRONG_SYNTAX",
    "RS_ERROR_WRONG_TYPES",
    "RS_ERROR_DUPLICATE_TRANSACTION",
    "RS_ERROR_TIMEOUT",
]
NO_ANSWERS = ["RS_ERROR_TRANSACTION_ROLLED_BACK", "RS_ERROR_TRANSACTION_DOES_NOT_EXIST"]
FUNDS = ["RS_ERROR_NOT_ENOUGH_MONEY", "RS_ERROR_LIMIT_REACHED"]


@pytest.mark.parametrize(
    "call, status",
    [
        *[(call, status) for call in (*MOVES, *LOOKS) for status in UNPROVEN],
        *[(call, status) for call in (*HOLDS, "confirm_withdrawal", *LOOKS) for status in NO_ANSWERS],
        *[(call, status) for call in ("confirm_withdrawal", "deposit", *ROLLBACKS, *LOOKS) for status in FUNDS],
    ],
)
async def test_a_status_that_is_not_in_its_calls_table_is_unknown_but_shows_an_operator_that_lives(
    call: str, status: str
) -> None:
    for said in (no(status), no(status, request_uuid=None)):
        adapter, _ = hub88(said)
        with pytest.raises(Unmapped) as raised:
            await getattr(adapter, call)(SESSION if call in LOOKS else WITHDRAWAL)
        assert raised.value.text == status


@pytest.mark.parametrize("status", ["rs_ok", "", "OK", "DOWN"])
@pytest.mark.parametrize("call", ["withdraw", "rollback_withdrawal"])
async def test_a_status_that_the_protocol_does_not_have_may_be_anybodys(call: str, status: str) -> None:
    adapter, _ = hub88(no(status))
    with pytest.raises(Unclear) as raised:
        await getattr(adapter, call)(WITHDRAWAL)
    assert type(raised.value) is Unclear


@pytest.mark.parametrize(
    "status, kind",
    [
        ("RS_ERROR_INVALID_TOKEN", Kind.SESSION),
        ("RS_ERROR_TOKEN_EXPIRED", Kind.SESSION),
        ("RS_ERROR_USER_DISABLED", Kind.PLAYER),
    ],
)
@pytest.mark.parametrize("call", [*LOOKS, *HOLDS, "confirm_withdrawal", *ROLLBACKS])
async def test_a_refusal_of_who_asks_is_a_decline_of_any_call(call: str, status: str, kind: Kind) -> None:
    adapter, _ = hub88(no(status))
    with pytest.raises(Declined) as raised:
        await getattr(adapter, call)(SESSION if call in LOOKS else WITHDRAWAL)
    assert raised.value.kind is kind


@pytest.mark.parametrize("call", ROLLBACKS)
async def test_the_rollback_of_a_bet_that_does_not_exist_finds_nothing(call: str) -> None:
    adapter, _ = hub88(no("RS_ERROR_TRANSACTION_DOES_NOT_EXIST"))
    with pytest.raises(Declined) as raised:
        await getattr(adapter, call)(WITHDRAWAL)
    assert raised.value.kind is Kind.NOT_FOUND


@pytest.mark.parametrize("call", ROLLBACKS)
async def test_a_rollback_that_was_done_before_is_done_and_nothing_more_is_asked(call: str) -> None:
    adapter, http = hub88(no("RS_ERROR_TRANSACTION_ROLLED_BACK"))
    assert await getattr(adapter, call)(WITHDRAWAL) == Receipt()
    assert http.endpoints == ["transaction/rollback"]


@pytest.mark.parametrize("call", ["confirm_withdrawal", "confirm_deposit"])
async def test_where_there_is_no_confirm_nothing_is_sent(call: str) -> None:
    adapter, http = hub88(confirm="none")
    assert await getattr(adapter, call)(WITHDRAWAL) == Receipt()
    assert http.posted == []


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param({"currency": None}, id="no currency"),
        pytest.param({"currency": ""}, id="an empty currency"),
        pytest.param({"currency": 840}, id="a number for a currency"),
        pytest.param({"balance": None}, id="no balance"),
        pytest.param({"balance": 1.5}, id="a fraction"),
        pytest.param({"balance": True}, id="truth"),
        pytest.param({"balance": "5180000000"}, id="a text"),
        pytest.param({"balance": float("nan")}, id="NaN"),
    ],
)
@pytest.mark.parametrize("call", ["withdraw", "confirm_withdrawal", "deposit", *ROLLBACKS])
async def test_a_yes_is_a_yes_whatever_its_balance(call: str, odd: dict[str, Any]) -> None:
    adapter, _ = hub88(ok(**odd))
    assert await getattr(adapter, call)(WITHDRAWAL) == Receipt()
    adapter, _ = hub88(ok(**odd))
    assert await adapter.verify_session(SESSION) == Player(player_id="p1", balance=None)
    adapter, _ = hub88(ok(**odd))
    with pytest.raises(Unclear, match="no balance that can be read"):
        await adapter.get_balance(SESSION)


async def test_a_balance_is_handed_over_as_it_was_said() -> None:
    adapter, _ = hub88(ok(currency="USD"), ok(balance=10**60))
    assert await adapter.withdraw(WITHDRAWAL) == Receipt(money("51800", "USD"))
    assert await adapter.withdraw(WITHDRAWAL) == Receipt(Money(Decimal("1e55"), "XAG"))


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(ok(request_uuid="583c985f-fee6-4c0e-bbf5-308aad6265af"), id="another request"),
        pytest.param(ok(request_uuid=None), id="no request"),
        pytest.param(ok(request_uuid=7), id="a number for a request"),
        pytest.param(ok(user="p2"), id="another user"),
        pytest.param(ok(user=7), id="a number for a user"),
        pytest.param(ok(status=None), id="no status"),
        pytest.param(ok(status=["RS_OK"]), id="a list for a status"),
        pytest.param(no("RS_ERROR_NOT_ENOUGH_MONEY", request_uuid="x"), id="another request's decline"),
        pytest.param(no("RS_ERROR_TRANSACTION_ROLLED_BACK", user="p2"), id="another user's rollback"),
    ],
)
@pytest.mark.parametrize("call", ["withdraw", "confirm_withdrawal", "deposit", *ROLLBACKS])
async def test_what_is_no_clear_answer_is_no_success_and_no_decline(call: str, said: dict[str, Any]) -> None:
    adapter, _ = hub88(said)
    with pytest.raises(Unclear) as raised:
        await getattr(adapter, call)(WITHDRAWAL)
    assert type(raised.value) is Unclear


async def test_what_came_instead_of_an_answer_is_quoted() -> None:
    http = ScriptedHttp(answer({"error": "maintenance"}), answer(b"<h1>It works!</h1>"), answer(b""))
    adapter = Hub88(configured(), http)
    for said in (
        'ids that can be read: {"error": "maintenance"}',
        "not JSON that can be read in one way: It works!",
        "empty",
    ):
        with pytest.raises(Unclear) as raised:
            await adapter.withdraw(WITHDRAWAL)
        assert raised.value.text.endswith(said)


async def test_a_request_is_the_same_in_large_letters_and_a_user_may_be_left_out() -> None:
    for said in (ok(user=None), ok(user=""), ok()):
        http = Loud(said)
        assert await Hub88(configured(), http).withdraw(WITHDRAWAL) == Receipt(money("51800", "XAG"))


@pytest.mark.parametrize("status", [400, 403, 500, 503])
async def test_an_error_of_the_protocol_under_another_status_proves_nothing_but_that_the_operator_lives(
    status: int,
) -> None:
    for error in ("RS_ERROR_NOT_ENOUGH_MONEY", "RS_ERROR_TRANSACTION_ROLLED_BACK"):
        adapter = Hub88(configured(), ScriptedHttp(answer({"status": error}, status)))
        with pytest.raises(Unmapped) as raised:
            await adapter.rollback_withdrawal(WITHDRAWAL)
        assert raised.value.text == f"HTTP {status}, {error}"


@pytest.mark.parametrize("status, kind", [(400, Unmapped), (404, Unmapped), (408, Unclear), (429, Unclear)])
async def test_a_refused_request_says_why(status: int, kind: type[Unclear]) -> None:
    adapter = Hub88(configured(), ScriptedHttp(answer({"error": "no"}, status)))
    with pytest.raises(Unclear) as raised:
        await adapter.withdraw(WITHDRAWAL)
    assert (type(raised.value), raised.value.text) == (kind, f'HTTP {status}: {{"error": "no"}}')


@pytest.mark.parametrize("status", [201, 400, 500])
async def test_an_http_status_other_than_200_is_unknown_whatever_it_says(status: int) -> None:
    http = ScriptedHttp(HttpResponse(status, {}, json.dumps(ok()).encode()))
    with pytest.raises(Unclear, match=f"HTTP {status}"):
        await Hub88(configured(), http).withdraw(WITHDRAWAL)


def test_one_currency_named_twice_is_refused() -> None:
    with pytest.raises(ValidationError, match="upper and lower case are the same"):
        configured(currencies={"XAG": "USD", "xag": "EUR"})


@pytest.mark.parametrize(
    "pem", ["", "secret", HUB88_PUBLIC_KEY, SANDBOX_KEY[:-200]], ids=["empty", "no pem", "public", "cut off"]
)
def test_a_key_that_cannot_sign_is_refused_unseen(pem: str) -> None:
    with pytest.raises(ValidationError, match="private key in PEM form") as raised:
        configured(private_key=pem)
    assert pem == "" or pem not in raised.value.errors(include_input=False)[0]["msg"]


def test_two_currencies_with_one_code_are_refused() -> None:
    with pytest.raises(ValidationError, match="same code"):
        configured(currencies={"XAG": "USD", "XAU": "USD"})
