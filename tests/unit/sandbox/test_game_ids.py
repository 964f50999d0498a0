"""Every protocol's transfers are known by the game's own ids, whichever ids the protocol carries."""

from __future__ import annotations

import pytest

from gateway.money import money
from gateway.operators import Session
from gateway.operators.registry import adapter, validate
from gateway.sandbox.faults import FaultyOperator
from gateway.sandbox.game_ids import GameIds
from gateway.sandbox.ledger import Ledger
from gateway.sandbox.simulated import Simulated, simulated_operators
from gateway.sandbox.stores import MemoryStore
from tests.support.memory_http import MemoryHttp
from tests.support.transfers import a_transfer

TOKEN = "token-of-p1"


@pytest.mark.parametrize("protocol", sorted(simulated_operators()))
async def test_a_hold_is_booked_under_the_games_own_id(protocol: str) -> None:
    kind: type[Simulated] = simulated_operators()[protocol].load()
    currency = kind.currencies[0]
    ledger = Ledger(MemoryStore())
    ledger.enrol("p1", TOKEN, money("100", currency))
    operator = FaultyOperator(kind(ledger), lambda: 0.0)
    settings = kind.adapter_settings(f"http://127.0.0.1{kind.base_path}")
    operator.game_ids = GameIds("acme", protocol, settings, operator.simulated.understand, currency)
    speaker = adapter(protocol)(validate(protocol, settings), MemoryHttp(operator))
    player = await speaker.verify_session(Session(operator="acme", token=TOKEN))
    session = Session(operator="acme", token=TOKEN, player_id="p1", memory=player.memory)
    operator.game_ids.learn("withdraw", "game-0-1")
    await speaker.withdraw(a_transfer(id="game-0-1", amount=money("5", currency), session=session))
    assert [hold.id for hold in ledger.holds.values()] == ["game-0-1"]
    assert [seen.id for seen in ledger.wire() if seen.call == "withdraw"] == ["game-0-1"]
