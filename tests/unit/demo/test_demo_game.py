from __future__ import annotations

from typing import Any, cast

import pytest

from gateway.demo import game
from gateway.demo.game import Game, GameResponse
from gateway.demo.operators import DemoOperator
from gateway.demo.plan import purchases
from gateway.records import Decision
from gateway.wire.calls import HOLD_CALL, WalletCall


@pytest.mark.parametrize(
    "answer, asked",
    [
        pytest.param(GameResponse(500, {"errorCode": 120}), None, id="refused"),
        pytest.param(GameResponse(), Decision.ROLLBACK, id="no answer"),
    ],
)
async def test_a_forgetful_game_leaves_a_withdraw_to_the_gateway_only_if_that_has_answered(
    answer: GameResponse, asked: Decision | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gateway that is killed between its success and its answer cannot know that the game has not heard."""

    async def post(_self: Game, _operator: DemoOperator, call: WalletCall, _body: Any) -> GameResponse:
        return answer if call in HOLD_CALL.values() else GameResponse(200, {"balance": {}})

    monkeypatch.setattr(Game, "_post", post)
    monkeypatch.setattr(game, "MAX_PLAYER_WAIT_S", 0)
    forgetful = next(each for each in purchases(50, ["acme"], 1) if each.forgetful)
    operator = DemoOperator.__new__(DemoOperator)
    operator.name = "acme"
    player = Game(cast("Any", None), lambda: "", {"acme": operator})
    assert (await player.play(forgetful)).requested is asked
