"""Which unfinished transfers nobody ends by a configuration."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.records import Direction, State, UnfinishedCount
from gateway.runtime.unfinished import left_behind, states_text
from gateway.settings import Settings

PAYMENT = {
    "settings": {"secrets": ["the payment system's"]},
    "currency": "EUR",
    "game": {"url": "https://game.example/paid", "secret": "the game's own secret"},
}


def settings(**acme: Any) -> Settings:
    urls = {name: {"url": f"sqlite:///{name}.db"} for name in ("default", "big")}
    acme = {"adapter": "quantum"} | acme
    return Settings.model_validate(
        {"journal": urls["default"], "journals": {"big": urls["big"]}, "operators": {"acme": acme}}
    )


def row(operator: str = "acme", direction: Direction = Direction.WITHDRAW, **changes: Any) -> UnfinishedCount:
    usual: dict[str, Any] = {"state": State.HELD, "count": 1, "oldest_at": 0.0}
    return UnfinishedCount(operator=operator, direction=direction, **usual | changes)


@pytest.mark.parametrize(
    "counted, acme, is_left",
    [
        (row(), {}, False),
        (row("gone"), {}, True),
        (row(), {"journal": "big"}, True),
        (row(direction=Direction.PAYMENT), {}, True),
        (row(direction=Direction.PAYMENT), {"payment": PAYMENT}, False),
    ],
    ids=["configured", "gone", "in the journal of before", "payments of before", "payments"],
)
def test_nobody_ends_what_the_configuration_does_not_name(
    counted: UnfinishedCount, acme: dict[str, Any], is_left: bool
) -> None:
    assert list(left_behind("default", [counted], settings(**acme))) == ([counted] if is_left else [])


def test_counts_are_told_by_state_and_in_their_order() -> None:
    rows = [row(state=State.PARKED), row(count=2), row(direction=Direction.DEPOSIT), row(state=State.ROLLING_BACK)]
    assert states_text(rows) == "3 held, 1 rolling back, 1 parked"
