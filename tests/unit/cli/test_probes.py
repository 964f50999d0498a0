"""What `mm-gateway check --probe` says of an operator."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from gateway.cli import probes
from gateway.cli.probes import Result
from gateway.money import Money
from gateway.operators import Declined, Kind, Player, RetryLater, Unclear, Unmapped
from gateway.settings import OperatorSettings
from tests.support.puppet import Answering, operator, raising, returning, writing

PLAYER = Player(player_id="p1", balance=Money(Decimal(1), "XAG"))
NO_WORD = Unmapped("x")
ERROR = b'{"errorCode": 100}'
NO = raising(Declined(Kind.SESSION, "no such session"))


def probed(answer: Answering, monkeypatch: pytest.MonkeyPatch) -> probes.ProbeResult:
    monkeypatch.setattr(probes, "build_operator", lambda *_: operator(answer))
    return asyncio.run(probes._probe_operator("acme", OperatorSettings(adapter="puppet")))


@pytest.mark.parametrize("answer", [NO, raising(Unclear("no")), raising(KeyError("x")), returning(PLAYER)])
def test_an_operator_to_which_nothing_was_sent_was_not_reached(
    answer: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = probed(answer, monkeypatch)
    assert result.result is Result.FAILED
    assert result.text.startswith("not reached: ")


@pytest.mark.parametrize(
    "answer, result, text",
    [
        (writing(NO), Result.OK, "reached; declined a made-up session token: no such session"),
        (writing(raising(Unclear("HTTP 502"))), Result.FAILED, "reached, but gave no clear answer: HTTP 502"),
        (writing(raising(RetryLater("busy", 5))), Result.FAILED, "reached, but gave no clear answer: busy"),
        (writing(returning(PLAYER)), Result.FAILED, probes.ACCEPTED),
        (
            writing(raising(NO_WORD), 500, ERROR),
            Result.UNSURE,
            f"{probes.UNSURE}: x",
        ),
        (
            writing(raising(NO_WORD), 400, b" <!DOCTYPE html>"),
            Result.FAILED,
            "reached, but gave no clear answer: x",
        ),
        (writing(raising(NO_WORD), 400, b""), Result.FAILED, "reached, but gave no clear answer: x"),
        (writing(raising(NO_WORD), 401, b"{}"), Result.FAILED, "reached, but HTTP 401: compare the credentials: x"),
        (writing(raising(NO_WORD), 404, b"{}"), Result.FAILED, "reached, but HTTP 404: compare the URL: x"),
        (writing(raising(Declined(Kind.SESSION, "over")), 401, b"{}"), Result.OK, f"{probes.DECLINED}: over"),
    ],
)
def test_only_what_answers_in_the_protocol_is_let_pass(
    answer: Answering, result: Result, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert probed(answer, monkeypatch)[1:] == (result, text)
