from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from gateway.journal import open_journal
from gateway.records import Direction, Key, State
from gateway.sandbox.faults import Fault
from gateway.sandbox.ledger import HoldState
from gateway.settings import Settings
from gateway.wire.calls import WalletCall
from tests.support.clocks import JumpingClock
from tests.support.journals import a_transfer
from tests.support.postgres_shelf import PostgresShelf
from tests.support.runtimes import FarOperator, Running, far_operator, operator_to, running, settings_for

DAY_S = 86_400.0
HOUR_S = 3600.0
KEY = Key("acme", Direction.WITHDRAW, "1")
CONFIRM = WalletCall.CONFIRM_WITHDRAWAL


async def hold_and_confirm(gateway: Running, id: str = "1") -> int:
    """Returns the status of the confirm."""
    assert (await gateway.call(WalletCall.WITHDRAW, id)).status == 200
    return (await gateway.call(CONFIRM, id)).status


async def state_of(gateway: Running, id: str = "1") -> State | None:
    journal = gateway.runtime._journals.open["default"]
    transfer = await journal.find(Key("acme", Direction.WITHDRAW, id))
    return None if transfer is None else transfer.state


async def until_seen_again(far: FarOperator, times: int = 3) -> None:
    await far.until_seen(CONFIRM, far.seen(CONFIRM) + times)


def settings(tmp_path: Path, far: FarOperator) -> Settings:
    return settings_for(
        tmp_path,
        {"acme": operator_to(far)},
        journal={"url": f"sqlite:///{tmp_path / 'journal.db'}", "keep": 180 * DAY_S},
    )


@pytest.mark.parametrize("ahead_s", [3 * DAY_S, 365 * DAY_S, -HOUR_S])
async def test_a_clock_that_jumps_stops_no_delivery_and_parks_and_forgets_nothing(
    tmp_path: Path, ahead_s: float
) -> None:
    clock = JumpingClock()
    async with far_operator() as far, running(settings(tmp_path, far), clock) as gateway:
        assert await hold_and_confirm(gateway, "finished") == 200
        far.go_wrong(Fault.ERROR_BEFORE, CONFIRM)
        assert await hold_and_confirm(gateway) == 500
        clock.ahead_s = ahead_s
        await until_seen_again(far)
        await gateway.runtime._journals._housekeeping["default"].round()
        assert await state_of(gateway) is State.CONFIRMING
        clock.ahead_s = 0
        await until_seen_again(far)
        assert await state_of(gateway, "finished") is State.CONFIRMED
        far.behave()
        await until_ended(gateway)


async def until_ended(gateway: Running) -> None:
    async with asyncio.timeout(10):
        while await state_of(gateway) is not State.CONFIRMED:
            await asyncio.sleep(0.01)


async def test_a_clock_that_is_ahead_at_the_start_parks_and_forgets_nothing(tmp_path: Path) -> None:
    async with far_operator() as far:
        async with running(settings(tmp_path, far)) as gateway:
            assert await hold_and_confirm(gateway, "finished") == 200
            far.go_wrong(Fault.ERROR_BEFORE, CONFIRM)
            assert await hold_and_confirm(gateway) == 500
        async with running(settings(tmp_path, far), JumpingClock(365 * DAY_S)) as gateway:
            await until_seen_again(far)
            await gateway.runtime._journals._housekeeping["default"].round()
            assert await state_of(gateway) is State.CONFIRMING
            assert await state_of(gateway, "finished") is State.CONFIRMED


async def test_a_clock_that_was_set_back_while_the_gateway_was_down_does_not_stop_delivery(tmp_path: Path) -> None:
    async with far_operator() as far:
        far.go_wrong(Fault.ERROR_BEFORE, CONFIRM)
        slow = operator_to(far, delivery={"schedule": [0.0, 20.0], "then_every": 20.0, "jitter": 0.0})
        async with running(settings_for(tmp_path, {"acme": slow}), JumpingClock(HOUR_S)) as gateway:
            assert await hold_and_confirm(gateway) == 500
        async with running(settings_for(tmp_path, {"acme": slow})) as gateway:
            ahead_s = gateway.runtime.clock.ahead_of_wall_s()
            assert HOUR_S - 60 < ahead_s <= HOUR_S
            (due_s,) = [
                sample.value
                for family in gateway.runtime.metrics.registry.collect()
                for sample in family.samples
                if sample.name == "mm_gateway_delivery_due_seconds"
            ]
            assert not due_s > 40


async def test_what_was_written_by_a_clock_days_ahead_is_delivered_by_the_next_start(tmp_path: Path) -> None:
    async with far_operator() as far:
        far.go_wrong(Fault.ERROR_BEFORE, CONFIRM)
        async with running(settings(tmp_path, far), JumpingClock(3 * DAY_S)) as gateway:
            assert await hold_and_confirm(gateway) == 500
            due_at = time.time() + 3 * DAY_S
            sending = a_transfer("2", operator="acme", state=State.SENDING, due_at=due_at, owner="dead")
            assert (await gateway.runtime._journals.open["default"].insert(sending)).created
        far.behave()
        async with running(settings(tmp_path, far)) as gateway:
            await until_ended(gateway)
            await far.until_seen(WalletCall.ROLLBACK_WITHDRAWAL)
            assert await state_of(gateway, "2") is State.ROLLING_BACK


async def test_other_machines_see_the_time_by_the_wall_clock(tmp_path: Path) -> None:
    async with far_operator() as far, running(settings(tmp_path, far), JumpingClock(-HOUR_S)) as gateway:
        await gateway.runtime._journals._housekeeping["default"].round()
        value = gateway.runtime.metrics.registry.get_sample_value
        counted_at = value("mm_gateway_transfers_counted_timestamp_seconds", {"journal": "default"})
        assert counted_at == pytest.approx(time.time() - HOUR_S, abs=10)


async def test_a_gateway_whose_clock_is_wrong_takes_its_time_from_the_database(tmp_path: Path) -> None:
    shelf = PostgresShelf(tmp_path)
    await shelf.prepare()
    clock = JumpingClock(3 * DAY_S)
    try:
        async with far_operator() as far:
            ours = settings_for(tmp_path, {"acme": operator_to(far)}, journal={"url": shelf.url})
            async with running(ours, clock) as gateway:
                assert gateway.runtime.clock.now() == pytest.approx(time.time(), abs=5)
                assert await hold_and_confirm(gateway) == 200
                async with asyncio.timeout(10):
                    while (offset_s := _offset_s(gateway)) is None:
                        await asyncio.sleep(0.01)
                # The gauge is of the machine's clock, which somebody has to set.
                assert offset_s == pytest.approx(3 * DAY_S, abs=5)
            journal = await open_journal("default", ours.journal, gateway.runtime.metrics, clock)
            ended = await journal.find(KEY)
            await journal.close()
            assert ended is not None
            assert ended.changed_at == pytest.approx(time.time(), abs=30)
            assert far.state_of("1") is HoldState.CONFIRMED
    finally:
        await shelf.discard()


def _offset_s(gateway: Running) -> float | None:
    return gateway.runtime.metrics.registry.get_sample_value("mm_gateway_clock_offset_seconds", {"journal": "default"})
