"""What dead instances leave is taken over, old ends are pruned, and a journal that is away is waited for."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.clock import Clock
from gateway.journal.interface import TransferFilter
from gateway.operators.adapter import Receipt
from gateway.operators.errors import Unclear
from gateway.records import State, Transfer
from gateway.transfers.housekeeping import PRUNE_LIMIT, Housekeeping
from gateway.wire.calls import WalletCall
from tests.support.transfers import BALANCE
from tests.support.world import World, play, refusal


async def _hangs(transfer: Transfer) -> Receipt:
    await asyncio.sleep(1000)
    return Receipt(BALANCE)


def test_where_nobody_else_can_be_alive_the_past_is_taken_over_at_once(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        dead = world.instance()
        world.far_side.then(WalletCall.WITHDRAW, _hangs)
        hold = asyncio.create_task(dead.withdraw())
        await asyncio.sleep(0.1)
        hold.cancel()
        await dead.kill()
        world.journal.exclusive = True
        heir = world.instance(started=False)
        await heir.housekeeping.begin()
        heir.start()
        ended = await world.reaches(State.ROLLED_BACK, within_s=0.5)
        assert ended.owner is None

    play(tmp_path, scenario)


def test_where_others_may_be_alive_their_leases_are_respected(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        async def slow(transfer: Transfer) -> Receipt:
            await asyncio.sleep(25)
            return Receipt(BALANCE)

        busy = world.instance(timeout=30)
        world.far_side.then(WalletCall.WITHDRAW, slow)
        hold = asyncio.create_task(busy.withdraw())
        await asyncio.sleep(0.1)
        newcomer = world.instance(started=False, timeout=30)
        await newcomer.housekeeping.begin()
        newcomer.start()
        assert await hold == BALANCE
        assert (await world.row()).state is State.HELD

    play(tmp_path, scenario)


def test_old_ends_are_pruned_and_nothing_else(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance(started=False, limits={"concurrency": 1000})
        ids = [f"t{number}" for number in range(PRUNE_LIMIT + 10)]
        await asyncio.gather(*(gateway.withdraw(id) for id in [*ids, "held"]))
        await asyncio.gather(*(gateway.confirm(id) for id in ids))
        chores = Housekeeping(world.journal, gateway.clock, "x", keep_s=100, abandoned_after_s=50)
        await chores.round()
        assert await count(world) == len(ids) + 1
        await asyncio.sleep(101)
        await chores.round()
        assert await count(world) == 1
        (tally,) = chores.unfinished
        assert (tally.state, tally.count, tally.abandoned) == (State.HELD, 1, 1)

    play(tmp_path, scenario)


class JumpingClock:
    """The world's clock until it is set ahead."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.ahead_s = 0.0

    def now(self) -> float:
        return self._clock.now() + self.ahead_s

    def monotonic(self) -> float:
        return self._clock.monotonic()


def test_a_clock_that_jumps_ahead_makes_nothing_forgotten(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance(started=False)
        await gateway.withdraw()
        await gateway.confirm()
        clock = JumpingClock(gateway.clock)
        chores = Housekeeping(world.journal, clock, "x", keep_s=100, abandoned_after_s=50)
        clock.ahead_s = 10 * 365 * 86400
        await chores.round()
        assert await count(world) == 1
        await asyncio.sleep(101)
        await chores.round()
        assert await count(world) == 0

    play(tmp_path, scenario)


async def count(world: World) -> int:
    return len(await world.journal.list_transfers(TransferFilter(), limit=10_000))


def test_the_chores_outlive_the_journals_absence(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance()
        world.journal.away = "disk full"
        await asyncio.sleep(30)
        world.journal.away = ""
        world.far_side.then(WalletCall.WITHDRAW, Unclear("cut"))
        await refusal(gateway.withdraw())
        await world.reaches(State.ROLLED_BACK)
        await asyncio.sleep(6)
        assert gateway.housekeeping.unfinished == []

    play(tmp_path, scenario)


def test_however_long_the_chores_take_the_lease_is_renewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(world: World) -> None:
        left = [PRUNE_LIMIT] * 30

        async def prune(before: float, limit: int) -> int:
            await asyncio.sleep(2)
            return left.pop() if left else 0

        gateway = world.instance(started=False)
        monkeypatch.setattr(world.journal, "prune", prune)
        world.journal.exclusive = False
        chores = Housekeeping(world.journal, gateway.clock, "x", keep_s=100, abandoned_after_s=50)
        await chores.begin()
        begun = gateway.clock.now()
        running = asyncio.create_task(chores.run())
        while left:
            await asyncio.sleep(1)
            assert chores.holds_lease_since(begun)
        running.cancel()

    play(tmp_path, scenario)
