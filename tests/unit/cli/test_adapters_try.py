"""What `mm-gateway adapters try` makes of an answer, and what it says that the gateway would do next."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from adapters.quantum.simulated import PASSWORD, USERNAME
from gateway.cli.adapters_try_call import Exchange, Trial, TryCommand, try_answer, try_at_sandbox
from gateway.cli.adapters_try_report import next_step, print_trial, result_lines
from gateway.cli.http_answer import read_answer
from gateway.money import money
from gateway.operators import HttpResponse, TransferStatus
from gateway.operators.outcome import Outcome
from gateway.records import Verdict
from gateway.settings import DeliverySettings, OperatorSettings
from gateway.toolbox import basic_auth

PLAN = DeliverySettings()


def command(call: str, **changes: Any) -> TryCommand:
    usual: dict[str, Any] = {
        "operator": "quantum",
        "settings": OperatorSettings(adapter="quantum"),
        "token": "token-of-anna",
        "player": "",
        "id": "order-1",
        "amount": money("2.5", "EUR"),
        "memory": {},
    }
    return TryCommand(call=call, **{**usual, **changes})


async def tried(call: str, status: int, body: str, **headers: str) -> Trial:
    return await try_answer(command(call), HttpResponse(status, headers, body.encode()), is_configured=False)


STATE = '{"mmTransactionId": "order-1", "state": "ROLLED_BACK"}'
YES = '{"mmTransactionId": "order-1", "balance": {"amount": 7, "currencyCode": "EUR"}}'


@pytest.mark.parametrize(
    "call, status, body, made, after",
    [
        ("withdraw", 200, YES, "receipt, balance 7 EUR", "held: the game gets the balance"),
        ("withdraw", 500, '{"errorCode": 102}', "declined (funds): error 102", "rollbackWithdrawal is sent at once"),
        (
            "deposit",
            503,
            "busy",
            "unclear: HTTP 503: busy",
            "rolling back: the game gets an error, and rollbackDeposit",
        ),
        ("confirmWithdrawal", 200, YES, "receipt, balance 7 EUR", "confirmed: the transfer has ended"),
        ("confirmWithdrawal", 500, '{"errorCode": 100}', "unclear: error 100", "confirmWithdrawal is sent again in"),
        ("rollbackDeposit", 200, YES, "receipt, balance 7 EUR", "rolled back: the transfer has ended"),
        ("rollbackWithdrawal", 500, '{"errorCode": 114}', "not found: error 114", "the hold may still be on its way"),
        (
            "verifySession",
            200,
            '{"token": "token-of-anna", "playerId": "anna"}',
            "player anna, without a balance",
            "remembered",
        ),
        ("verifySession", 500, '{"errorCode": 101}', "declined (session): error 101", "the game gets an error"),
        ("getBalance", 200, '{"balance": {"amount": 7, "currencyCode": "EUR"}}', "balance 7 EUR", "the game gets the"),
        ("lookUp", 200, "", "unclear: the answer is empty", "the end is sent again by its schedule"),
        ("lookUp", 200, STATE, "status: rolled_back", "an end that wants rolled_back counts as done"),
    ],
)
async def test_an_answer_is_judged_by_the_adapter_and_followed_by_the_rules(
    call: str, status: int, body: str, made: str, after: str
) -> None:
    trial = await tried(call, status, body)
    assert made in result_lines(trial)[0]
    assert after in next_step(trial, PLAN)


async def test_an_operator_that_names_a_time_is_asked_again_then() -> None:
    trial = await tried("confirmDeposit", 429, "", **{"retry-after": "77"})
    assert "sent again in 77 s" in next_step(trial, PLAN)


async def test_what_can_never_succeed_is_parked() -> None:
    trial = await tried("confirmDeposit", 500, '{"errorCode": 100}')
    outcome = Outcome(verdict=Verdict.UNKNOWN, at=time.time(), took_s=0.0, text="paid out", park=True)
    assert next_step(replace(trial, result=outcome), PLAN) == "parked: it is not sent again, and a person must look"


async def test_what_was_never_written_needs_no_rollback() -> None:
    trial = await tried("withdraw", 200, YES)
    outcome = Outcome(verdict=Verdict.UNSENT, at=time.time(), took_s=0.0, text="refused", unwritten=True)
    assert next_step(replace(trial, result=outcome), PLAN).startswith("rolled back: nothing was written")


@pytest.mark.parametrize(
    "status, after",
    [(TransferStatus.CONFIRMED, "an end that wants confirmed counts as done"), (TransferStatus.HELD, "sent again")],
)
async def test_a_look_up_that_finds_the_wanted_end_counts_as_done(status: TransferStatus, after: str) -> None:
    trial = replace(await tried("lookUp", 200, ""), result=status)
    assert result_lines(trial) == [f"status: {status}"]
    assert after in next_step(trial, PLAN)


async def test_what_a_receipt_gives_to_remember_is_shown() -> None:
    outcome = Outcome(verdict=Verdict.SUCCESS, at=0.0, took_s=0.0, memory={"wallet": "w-7"})
    trial = replace(await tried("withdraw", 200, YES), result=outcome)
    assert result_lines(trial) == ["receipt, without a balance that can be used", "to remember: wallet=w-7"]


async def test_no_secret_is_shown_however_it_is_spelled(capsys: pytest.CaptureFixture[str]) -> None:
    answer = f'{{"access_token": "issued-7", "echo": "{PASSWORD} {basic_auth(USERNAME, PASSWORD)} token-of-anna"}}'
    print_trial(await tried("withdraw", 500, answer, **{"set-cookie": "id=cookie-7"}))
    shown = capsys.readouterr().out
    assert "https://wallet.example/wallet/withdraw" in shown
    hidden = (f" {PASSWORD} ", basic_auth(USERNAME, PASSWORD), "token-of-anna", "issued-7", "cookie-7")
    assert [secret for secret in hidden if secret in shown] == []


async def test_control_characters_of_an_answer_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_trial(await tried("withdraw", 500, "\x1b[2J"))
    assert "\x1b" not in capsys.readouterr().out


async def test_a_request_without_an_answer_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    trial = await tried("withdraw", 200, YES)
    silent = Exchange(method="POST", url="https://wallet.example", headers=(), body=None, failure="timed out")
    print_trial(replace(trial, exchanges=[silent]))
    assert "no answer: timed out" in capsys.readouterr().out


@pytest.mark.parametrize("adapter", ["hub88", "quantum"])
@pytest.mark.parametrize("call", ["confirmWithdrawal", "rollbackWithdrawal", "confirmDeposit", "rollbackDeposit"])
async def test_an_end_at_the_sandbox_has_its_hold_to_end(adapter: str, call: str) -> None:
    settings = OperatorSettings(adapter=adapter)
    trial = await try_at_sandbox(command(call, settings=settings))
    assert isinstance(trial.result, Outcome)
    assert trial.result.verdict is Verdict.SUCCESS
    assert trial.before[-1].endswith(": success")
    assert {exchange.answer.status for exchange in trial.exchanges if exchange.answer} <= {200}


async def test_a_session_that_the_sandbox_refuses_is_told_before_the_call() -> None:
    settings = OperatorSettings(adapter="quantum")
    trial = await try_at_sandbox(command("withdraw", settings=settings, amount=money("1001", "EUR")))
    assert trial.before == ["verifySession: the player is player-1"]
    assert result_lines(trial)[0].startswith("declined (funds)")


@pytest.mark.parametrize(
    "pasted, answer",
    [
        (b"HTTP/1.1 429 Too Many\r\nRetry-After: 7\r\n\r\nslow", HttpResponse(429, {"retry-after": "7"}, b"slow")),
        (b"HTTP/2 204\nX-A: 1\nx-a: 2\n", HttpResponse(204, {"x-a": "1, 2"}, b"")),
        (b'{"a": "HTTP/1.1 500"}\n', HttpResponse(200, {}, b'{"a": "HTTP/1.1 500"}\n')),
        (b"HTTP/1.1 200 OK\n\nfirst\n\nsecond", HttpResponse(200, {}, b"first\n\nsecond")),
        (b"", HttpResponse(200, {}, b"")),
    ],
)
def test_an_answer_is_read_as_it_was_pasted(tmp_path: Path, pasted: bytes, answer: HttpResponse) -> None:
    (tmp_path / "answer").write_bytes(pasted)
    assert read_answer(tmp_path / "answer") == answer
