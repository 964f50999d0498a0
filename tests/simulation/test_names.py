"""Every protocol's transfers are known by the game's own ids, whichever ids the protocol carries."""

from __future__ import annotations

import pytest

from gateway.money import money
from gateway.operators import Session
from gateway.operators.registry import adapter, validate
from gateway.sandbox.simulated import PLAIN, Unknown
from tests.simulation.dice import Dice
from tests.simulation.games import CURRENCY
from tests.simulation.names import ADDRESS
from tests.simulation.operators import SimulatedOperator
from tests.simulation.protocols import PROTOCOLS
from tests.support.memory_http import MemoryHttp
from tests.support.transfers import a_transfer


@pytest.mark.parametrize("protocol", sorted({*PROTOCOLS}))
async def test_a_hold_is_booked_under_the_games_own_id(protocol: str) -> None:
    operator = SimulatedOperator("acme", protocol, Unknown.REPORT, PLAIN, Dice(1, "acme"), lambda: 0.0, lambda *_: None)
    operator.ledger.enrol("p1", "token-of-p1", money("100", CURRENCY))
    speaker = adapter(protocol)(validate(protocol, operator.adapter_settings(ADDRESS)), MemoryHttp(operator.faulty))
    player = await speaker.verify_session(Session(operator="acme", token="token-of-p1"))
    session = Session(operator="acme", token="token-of-p1", player_id="p1", memory=player.memory)
    operator.names.learn("withdraw", "game-0-1")
    await speaker.withdraw(a_transfer(id="game-0-1", amount=money("5", CURRENCY), session=session))
    assert [hold.id for hold in operator.ledger.holds.values()] == ["game-0-1"]
