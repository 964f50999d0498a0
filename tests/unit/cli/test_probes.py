"""What `mm-gateway check --probe` says of an operator."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from gateway.cli import check
from gateway.money import Money
from gateway.operators import Declined, Kind, Player, Unclear
from gateway.settings import OperatorSettings
from tests.support.puppet import Answering, operator, raising, returning, writing

PLAYER = Player(player_id="p1", balance=Money(Decimal(1), "XAG"))
NO = raising(Declined(Kind.SESSION, "no such session"))


def probed(answer: Answering, monkeypatch: pytest.MonkeyPatch) -> check.ProbeResult:
    monkeypatch.setattr(check, "build_operator", lambda *_: operator(answer))
    return asyncio.run(check._probe_operator("acme", OperatorSettings(adapter="puppet")))


@pytest.mark.parametrize("answer", [NO, raising(Unclear("no")), raising(KeyError("x")), returning(PLAYER)])
def test_an_operator_to_which_nothing_was_sent_was_not_reached(
    answer: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = probed(answer, monkeypatch)
    assert not result.ok
    assert result.text.startswith("not reached: ")


@pytest.mark.parametrize(
    "answer, ok, text",
    [
        (writing(NO), True, "reached; declined a made-up session token: no such session"),
        (writing(raising(Unclear("HTTP 502"))), False, "reached, but gave no clear answer: HTTP 502"),
        (writing(returning(PLAYER)), False, check.ACCEPTED),
    ],
)
def test_only_a_clear_no_to_a_made_up_session_shows_the_operator(
    answer: Answering, ok: bool, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert probed(answer, monkeypatch)[1:] == (ok, text)
