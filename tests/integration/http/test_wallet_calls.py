from __future__ import annotations

import asyncio

import pytest

from gateway.money import money
from gateway.records import Decision, Direction
from gateway.wire.errors import ErrorCode, WalletError
from tests.support.doors import REPLY, ROLLBACK, WITHDRAW, Game, request, wallet_door

TOKEN = b'{"token": "t"}'


async def test_a_session_is_verified(game: Game) -> None:
    answered = await game.post("/wallet/verifySession", TOKEN)
    assert (answered.status, answered.body) == (
        200,
        b'{"token":"t","playerId":"p1","nickname":"Nick","balance":{"amount":51800,"currencyCode":"XAG"}}',
    )
    assert game.coordinator.asked == [("acme", "verify_session", "t")]


async def test_a_balance_is_told(game: Game) -> None:
    answered = await game.post("/wallet/getBalance", TOKEN)
    assert (answered.status, answered.body) == (200, b'{"balance":{"amount":51800,"currencyCode":"XAG"}}')
    assert game.coordinator.asked == [("acme", "get_balance", "t")]


@pytest.mark.parametrize("call, direction", [("withdraw", Direction.WITHDRAW), ("deposit", Direction.DEPOSIT)])
async def test_money_is_held(game: Game, call: str, direction: Direction) -> None:
    answered = await game.post(f"/wallet/{call}", WITHDRAW)
    assert (answered.status, answered.body) == (200, REPLY)
    assert game.coordinator.asked == [("acme", "hold", direction, "t", "1234abcd", money("1.5", "XAG"), "")]


@pytest.mark.parametrize(
    "call, direction", [("confirmWithdrawal", Direction.WITHDRAW), ("confirmDeposit", Direction.DEPOSIT)]
)
async def test_a_hold_is_confirmed(game: Game, call: str, direction: Direction) -> None:
    answered = await game.post(f"/wallet/{call}", WITHDRAW)
    assert (answered.status, answered.body) == (200, REPLY)
    assert game.coordinator.asked == [
        ("acme", "end", direction, Decision.CONFIRM, "t", "1234abcd", money("1.5", "XAG"), None)
    ]


@pytest.mark.parametrize(
    "call, direction", [("rollbackWithdrawal", Direction.WITHDRAW), ("rollbackDeposit", Direction.DEPOSIT)]
)
async def test_a_hold_is_rolled_back(game: Game, call: str, direction: Direction) -> None:
    answered = await game.post(f"/wallet/{call}", ROLLBACK)
    assert (answered.status, answered.body) == (200, REPLY)
    assert game.coordinator.asked == [
        ("acme", "end", direction, Decision.ROLLBACK, "t", "1234abcd", None, "Withdraw request failed.")
    ]


async def test_an_answer_says_what_it_is(game: Game) -> None:
    answered = await game.post("/wallet/rollbackWithdrawal", ROLLBACK)
    assert answered.headers.keys() == {"content-type", "content-length", "date", "x-request-id"}
    assert answered.headers["content-type"] == "application/json"


@pytest.mark.parametrize("code", ErrorCode)
async def test_a_no_leaves_as_the_error_body_with_its_status(game: Game, code: ErrorCode) -> None:
    game.coordinator.error = WalletError(code, "No.")
    answered = await game.post("/wallet/withdraw", WITHDRAW)
    assert (answered.status, answered.error_code, answered.error_text) == (code.status, code, "No.")
    assert game.counted(code.name.lower(), "withdraw") == 1


async def test_a_fault_of_the_program_leaves_as_the_contract_s_own_error_without_a_trace(game: Game) -> None:
    game.coordinator.error = RuntimeError("password=hunter2")
    answered = await game.post("/wallet/withdraw", WITHDRAW)
    assert (answered.status, answered.error_code, answered.error_text) == (
        500,
        100,
        "An unexpected internal error occurred.",
    )


async def test_a_message_that_is_not_valid_is_refused_before_anybody_is_asked(game: Game) -> None:
    answered = await game.post("/wallet/withdraw", b'{"token": "t"}')
    assert (answered.status, answered.error_code) == (400, 130)
    assert answered.error_text.startswith("mmTransactionId is missing; send ")
    assert game.coordinator.asked == []


async def test_calls_follow_each_other_on_one_connection(game: Game) -> None:
    client = await game.connect()
    for _ in range(3):
        assert (await client.asked(request("/wallet/rollbackWithdrawal", ROLLBACK))).status == 200
    assert (await client.asked(request("/wallet/withdraw", b"{}"))).status == 400
    assert (await client.asked(request("/wallet/rollbackWithdrawal", ROLLBACK))).status == 200
    assert game.counted("ok") == 4
    assert game.counted("bad_request", "withdraw") == 1


async def test_calls_sent_in_one_go_are_answered_in_order(game: Game) -> None:
    client = await game.connect()
    await client.send(b"".join(request("/wallet/withdraw", WITHDRAW.replace(b"1234", b"%d" % i)) for i in range(100)))
    for i in range(100):
        assert (await client.answer()).body.startswith(b'{"mmTransactionId":"%dabcd"' % i)


async def test_a_client_that_leaves_does_not_stop_its_call(game: Game) -> None:
    game.coordinator.may_answer.clear()
    client = await game.connect()
    await client.send(request("/wallet/withdraw", WITHDRAW))
    await game.coordinator.was_asked.wait()
    await client.close()
    game.coordinator.may_answer.set()
    await game.door.wait_idle()
    assert game.coordinator.answered == 1


async def test_a_call_that_takes_too_long_is_answered_as_pending_and_goes_on() -> None:
    async with wallet_door(request_timeout=0.05) as game:
        game.coordinator.may_answer.clear()
        client = await game.connect()
        answered = await client.asked(request("/wallet/withdraw", WITHDRAW))
        assert (answered.status, answered.error_code, answered.headers["connection"]) == (500, 120, "close")
        assert await client.rest() == b""
        game.coordinator.may_answer.set()
        await game.door.wait_idle()
        assert game.coordinator.answered == 1
        assert game.counted("pending", "withdraw") == 1
        assert game.counted("ok", "withdraw") == 0


async def test_how_long_a_call_took_is_measured_more_finely_than_a_loop_s_timers(game: Game) -> None:
    for _ in range(20):
        assert (await game.post("/wallet/withdraw", WITHDRAW)).status == 200
    took_ms = 1000 * game.took_s("ok", "withdraw")
    assert took_ms != pytest.approx(round(took_ms), abs=1e-6)


async def test_once_told_to_stop_the_door_refuses_new_calls_and_finishes_old_ones(game: Game) -> None:
    game.coordinator.may_answer.clear()
    old, new = await game.connect(), await game.connect()
    await old.send(request("/wallet/withdraw", WITHDRAW))
    await game.coordinator.was_asked.wait()
    game.door.refuse_new_calls()
    refused = await new.asked(request("/wallet/withdraw", WITHDRAW))
    assert (refused.status, refused.error_code, refused.headers["connection"]) == (500, 122, "close")
    assert await new.rest() == b""
    settled = asyncio.ensure_future(game.door.wait_idle())
    assert not settled.done()
    game.coordinator.may_answer.set()
    finished = await old.answer()
    assert (finished.status, finished.headers["connection"]) == (200, "close")
    await settled
    assert await old.rest() == b""


async def test_an_old_client_s_connection_lives_only_if_it_asks_for_that(game: Game) -> None:
    old = request("/wallet/rollbackWithdrawal", ROLLBACK).replace(b"HTTP/1.1", b"HTTP/1.0")
    client = await game.connect()
    kept = await client.asked(old.replace(b"Host:", b"Connection: keep-alive\r\nHost:"))
    assert kept.headers["connection"] == "keep-alive"
    assert (await client.asked(old)).headers["connection"] == "close"
    assert await client.rest() == b""


async def test_a_fault_of_the_door_itself_is_answered_as_the_contract_says_and_ends_the_connection(
    game: Game, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(game.door, "_client_address", None)
    client = await game.connect()
    answered = await client.asked(request("/wallet/withdraw", WITHDRAW))
    assert (answered.status, answered.error_code, answered.headers["connection"]) == (500, 100, "close")
    assert await client.rest() == b""
