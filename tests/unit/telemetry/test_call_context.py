from __future__ import annotations

import pytest

from gateway.records import Session
from gateway.telemetry.call_context import CALL, CallContext, note_session


@pytest.mark.parametrize(
    "player, logged",
    [("player-1", "player-1"), ("", "earlier"), ("the-token", "")],
    ids=["a player", "nobody known", "a contract whose player is the token"],
)
def test_a_log_has_the_player_unless_the_token_names_them(player: str, logged: str) -> None:
    call = CallContext("r-1")
    call.player = "earlier"
    token = CALL.set(call)
    session = Session(operator="acme", token="the-token", player_id=player)
    note_session(session)
    CALL.reset(token)
    assert call.player == logged
    assert "the-token" not in repr(session)


def test_work_that_no_call_began_notes_nothing() -> None:
    assert CALL.get() is None
    note_session(Session(operator="acme", token="the-token", player_id="player-1"))
    assert CALL.get() is None
