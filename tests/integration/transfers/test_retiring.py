"""An operator that retires: it takes no new holds, and all that was begun before comes to its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.journal.interface import JournalUnavailable
from gateway.journal.writes import Inserted
from gateway.records import Direction, Fate, State, Transfer
from gateway.wire.calls import WalletCall
from gateway.wire.errors import ErrorCode
from tests.support.transfers import BALANCE, PRICE, TOKEN
from tests.support.world import World, code, play, refusal


def test_a_retiring_operator_gets_no_new_hold_and_that_is_written_down(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance(retiring=True)
        refused = await refusal(gateway.withdraw())
        assert (refused.code, "nothing was sent" in refused.text) == (ErrorCode.RETIRING, True)
        deposit = gateway.coordinator.hold(
            gateway.operator, Direction.DEPOSIT, token=TOKEN, id="other", amount=PRICE, description="a bonus"
        )
        assert await code(deposit) is ErrorCode.RETIRING
        row = await world.row()
        assert (row.state, row.fate) == (State.ROLLED_BACK, Fate.REFUSED)
        # The contract's rollback of what failed: it has ended already, and the operator never hears of it.
        await gateway.roll_back()
        assert world.far_side.sent == []

    play(tmp_path, scenario)


def test_what_was_held_before_is_confirmed_and_rolled_back_as_ever(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        before = world.instance()
        await before.withdraw("bought")
        await before.withdraw("given back")
        await before.kill()
        gateway = world.instance(retiring=True)
        assert await gateway.withdraw("bought") == BALANCE  # a repeat is answered with what was recorded
        assert await gateway.confirm("bought") == BALANCE
        assert await gateway.roll_back("given back") == BALANCE
        assert [call for call, _ in world.far_side.sent] == [
            WalletCall.WITHDRAW,
            WalletCall.WITHDRAW,
            WalletCall.CONFIRM_WITHDRAWAL,
            WalletCall.ROLLBACK_WITHDRAWAL,
        ]

    play(tmp_path, scenario)


def test_what_was_never_seen_here_is_ended_too(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        assert await world.instance(retiring=True).confirm() == BALANCE
        assert (await world.row()).state is State.CONFIRMED

    play(tmp_path, scenario)


def test_sessions_are_verified_and_balances_read(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance(retiring=True)
        assert (await gateway.coordinator.verify_session(gateway.operator, TOKEN)).player_id == "p1"
        assert await gateway.coordinator.get_balance(gateway.operator, TOKEN) == BALANCE

    play(tmp_path, scenario)


def test_it_is_refused_also_while_nothing_can_be_written_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance(retiring=True, started=False)

        async def fails(*_: Transfer) -> Inserted:
            raise JournalUnavailable("disk full")

        monkeypatch.setattr(world.journal, "insert", fails)
        assert await code(gateway.withdraw()) is ErrorCode.RETIRING
        assert world.far_side.sent == []

    play(tmp_path, scenario)
