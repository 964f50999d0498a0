"""One or more gateways' hearts on one journal before one scripted operator, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from gateway.money import Money
from gateway.reasons import Categories
from gateway.records import Decision, Direction, Key, State, Timeline, Transfer
from gateway.settings import OperatorSettings
from gateway.telemetry.metrics import Metrics
from gateway.transfers.context import Context
from gateway.transfers.coordinator import Coordinator
from gateway.transfers.delivery_loop import DeliveryLoop
from gateway.transfers.delivery_try import DeliveryTry
from gateway.transfers.housekeeping import Housekeeping
from gateway.transfers.rollback_reasons import RollbackReasons
from gateway.wire.errors import ErrorCode, WalletError
from tests.support.far_side import FarSide, scripted_operator
from tests.support.inline_journal import InlineJournal
from tests.support.transfers import OPERATOR, PRICE, TOKEN
from tests.support.virtual_time import VirtualClock, run

T = TypeVar("T")
ID = "1234abcd"
KEY = Key(OPERATOR, Direction.WITHDRAW, ID)


class Instance:
    """One gateway's heart: its coordinator, its delivery and its chores."""

    def __init__(self, world: World, name: str, settings: OperatorSettings) -> None:
        self.clock = VirtualClock(asyncio.get_running_loop())
        self.metrics = Metrics(self.clock.now)
        self.operator = scripted_operator(world.far_side, settings, self.metrics, self.clock)
        self.context = Context(
            journals={"default": world.journal},
            reasons=RollbackReasons(Categories([]), self.clock, self.metrics),
            metrics=self.metrics,
            clock=self.clock,
            instance=name,
            wake=lambda *whose_and_when: self.delivery.wake(whose_and_when[-1]),
            holds_lease_since=lambda _, at: self.housekeeping.holds_lease_since(at),
            random_share=lambda: 0.5,
        )
        self.deliverer = DeliveryTry(self.context)
        self.coordinator = Coordinator(self.context, self.deliverer)
        self.delivery = DeliveryLoop(self.context, self.deliverer, lambda: self.operator)
        self.housekeeping = Housekeeping(world.journal, self.clock, name, keep_s=None, abandoned_after_s=3600)
        self.tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begins to deliver and to keep house."""
        self.tasks = [asyncio.create_task(self.delivery.run()), asyncio.create_task(self.housekeeping.run())]

    async def kill(self) -> None:
        """Stops at once, wherever it is."""
        for task in [*self.tasks, *self.delivery.in_progress]:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def withdraw(
        self, id: str = ID, amount: Money = PRICE, token: str = TOKEN, text: str = "a gem"
    ) -> Money | None:
        return await self.coordinator.hold(
            self.operator, Direction.WITHDRAW, token=token, id=id, amount=amount, description=text
        )

    async def confirm(self, id: str = ID, amount: Money = PRICE, token: str = TOKEN) -> Money | None:
        return await self.coordinator.end(
            self.operator, Direction.WITHDRAW, Decision.CONFIRM, token=token, id=id, amount=amount
        )

    async def roll_back(
        self, id: str = ID, reason: object = "Withdraw request failed.", token: str = TOKEN
    ) -> Money | None:
        return await self.coordinator.end(
            self.operator, Direction.WITHDRAW, Decision.ROLLBACK, token=token, id=id, reason=reason
        )

    def metric(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(f"mm_gateway_{name}", {"operator": OPERATOR, **labels}) or 0.0


class World:
    """The journal, the operator, and the instances between."""

    def __init__(self, path: Path) -> None:
        self.far_side = FarSide()
        self.journal = InlineJournal.at(path)
        self.instances: list[Instance] = []

    def instance(self, *, started: bool = True, **settings: Any) -> Instance:
        usual: dict[str, Any] = {"adapter": "scripted", "delivery": {"jitter": 0}}
        instance = Instance(self, f"gateway-{len(self.instances)}", OperatorSettings.model_validate(usual | settings))
        self.instances.append(instance)
        if started:
            instance.start()
        return instance

    async def row(self, key: Key = KEY) -> Transfer:
        transfer = await self.journal.find(key)
        assert transfer is not None
        return transfer

    async def timeline(self, key: Key = KEY) -> Timeline:
        timeline = await self.journal.timeline(key)
        assert timeline is not None
        return timeline

    async def reaches(self, state: State, key: Key = KEY, within_s: float = 3600) -> Transfer:
        """The row once it is in this state."""
        async with asyncio.timeout(within_s):
            while True:
                transfer = await self.journal.find(key)
                if transfer is not None and transfer.state is state:
                    return transfer
                await asyncio.sleep(within_s / 5000)

    async def end(self) -> None:
        for instance in self.instances:
            await instance.kill()


def play(path: Path, scenario: Callable[[World], Awaitable[T]]) -> T:
    """Plays a scenario in a new world, in virtual time."""

    async def whole() -> T:
        world = World(path / "journal.db")
        try:
            return await scenario(world)
        finally:
            await world.end()

    return run(whole)


async def refusal(call: Awaitable[Money | None]) -> WalletError:
    """The refusal that a call ends with."""
    with pytest.raises(WalletError) as caught:
        await call
    return caught.value


async def code(call: Awaitable[Money | None]) -> ErrorCode:
    """The code of the refusal that a call ends with."""
    return (await refusal(call)).code
