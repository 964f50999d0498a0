"""What befalls gateways, clocks and disks while faults last."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from gateway.records import Key
from tests.simulation.database import SimulatedJournal
from tests.simulation.dice import Dice
from tests.simulation.gateways import Gateway
from tests.simulation.plan import SKEW_S
from tests.simulation.processes import Process
from tests.simulation.world import World
from tests.support.virtual_time import EPOCH

LEAPS_S: Final = (3 * 86_400.0, 365 * 86_400.0, -3600.0, -3 * 86_400.0)
LONGEST_LEAP_S: Final = 45.0

STEPS_TO_DEATH: Final = 300
"""A gateway that is to die does so within so many steps, wherever it is then."""

AROUND_ITS_END_S: Final = (-3.0, 1.0)
"""By how much a pause with a hold in hand differs from the lease of its row."""


class Misfortunes:
    """Strikes at random, each kind at its own pace."""

    def __init__(self, world: World, dice: Dice) -> None:
        self._world = world
        self._dice = dice
        self._restarts: set[asyncio.Task[None]] = set()
        self._forgetful = any(operator.forgetful for operator in world.operators.values())

    async def strike(self, for_s: float) -> None:
        """Returns when the time of faults is over."""
        plan = self._world.plan
        kinds: list[tuple[float, Callable[[], None]]] = [
            (plan.crash_every_s, self._crash),
            (plan.pause_every_s, self._pause),
            (plan.jump_every_s, self._jump),
            (plan.leap_every_s, self._leap),
            (plan.reload_every_s, self._reload),
            (plan.restart_every_s, self._restart),
            (plan.disk_trouble_every_s, self._trouble_the_disk),
            (plan.cut_off_every_s, self._cut_off),
        ]
        tasks = [asyncio.create_task(self._again_and_again(every_s, do)) for every_s, do in kinds if every_s]
        if plan.pause_every_s:
            self._lie_in_wait()
        elif plan.crash_every_s:
            self._world.database.on_open = self._catch_with_a_hold
        await asyncio.sleep(for_s)
        self._world.relieve()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._restarts:
            await asyncio.wait(self._restarts)

    async def _again_and_again(self, every_s: float, do: Callable[[], None]) -> None:
        while True:
            await asyncio.sleep(self._dice.pause(every_s))
            do()

    def _crash(self) -> None:
        victims = [one for one in self._world.gateways if one.process.alive]
        if self._forgetful:
            # An operator that forgets rollbacks cannot be protected from a gateway that stood still with a withdraw in
            # hand, sent it after all was over, and died before it could say so.
            victims = [one for one in victims if not one.process.has_stood_still]
        if victims:
            victim = self._dice.one_of(victims)
            victim.process.dies_at = victim.process.steps + self._dice.whole(1, STEPS_TO_DEATH)

    def _pause(self) -> None:
        gateway = self._any()
        if gateway is None or gateway.process.standing:
            return
        self._stand_still(gateway.process, self._dice.between(0.2, self._world.plan.longest_pause_s))

    def _lie_in_wait(self) -> None:
        """For the moments at which it does most harm to stand still for longer than a lease."""
        self._world.network.on_connect = lambda process: self._catch(process, "a request", 0.03)
        self._world.database.on_success = self._catch_with_a_success
        self._world.database.on_claim = lambda process: self._catch(process, "claimed rows", 0.01)
        self._world.database.on_open = self._catch_with_a_hold

    def _catch(
        self, process: Process, holding: str, chance: float, between_s: tuple[float, ...] = (10.0, 45.0)
    ) -> float:
        """Returns for how long it will stand still."""
        if process.standing or not self._dice.happens(chance):
            return 0.0
        self._world.count(f"gateway stands still with {holding} in hand")
        pause_s = self._dice.between(*between_s)
        self._stand_still(process, pause_s)
        return pause_s

    def _catch_with_a_hold(self, process: Process, holds: list[Key]) -> None:
        """It stands still: for about as long as the lease of the row, which may be longer than its own. Or its clock
        stands still with it, as that of a machine that is moved: it wakes within its lease, as far as it can tell,
        while others have taken over long ago."""
        plan = self._world.plan
        if plan.alone or self._forgetful:
            return
        if not plan.jump_every_s:
            lease_s = self._lease_s(holds[0])
            if self._catch(process, "a hold", 0.3, tuple(lease_s + by for by in AROUND_ITS_END_S)):
                self._world.slept_on.update(dict.fromkeys(holds, (process, self._world.loop.time())))
            return
        pause_s = self._catch(process, "a hold", 0.3)
        gateway = self._world.gateway(process.name)
        if pause_s and gateway is not None:
            self._set_clock(gateway, gateway.clock.skew_s - pause_s)

    def _lease_s(self, hold: Key) -> float:
        """How long the lease of its row still runs."""
        (row,) = self._world.database.rows("id = ? AND operator = ? AND direction = ?", hold.id, *hold[:2])
        return float(row["due_at"]) - EPOCH - self._world.loop.time()

    def _catch_with_a_success(self, process: Process) -> None:
        """Its journal is out of reach, and it stands still itself, or the others' clocks are so far ahead that they
        take over while it still has time to answer. Those may stand still too."""
        if self._world.plan.alone or process.standing or not self._dice.happens(0.25):
            return
        self._world.database.on_claim = lambda heir: self._catch(heir, "claimed rows", 0.5)
        if self._forgetful or self._dice.happens(0.3):
            away_s = self._catch(process, "a success", 1.0) + self._dice.between(0.05, 8)
        else:
            away_s = self._dice.between(3, 7)
            for other in self._world.gateways:
                if other.name != process.name:
                    self._set_clock(other, 5 * SKEW_S)
        self._cut_off_for(next(one for one in self._world.journals if one.name == process.name), away_s)

    def _stand_still(self, process: Process, pause_s: float) -> None:
        self._world.count("gateway stands still")
        self._world.tell("stands still", process.name, f"{pause_s:.3f}")
        gateway = self._world.gateway(process.name)
        assert gateway is not None
        gateway.fares_ill()
        process.stand_still()
        self._world.network.outside(pause_s, process.go_on)

    def _jump(self) -> None:
        gateway = self._any()
        if gateway is not None:
            farthest_s = SKEW_S if self._forgetful else 10 * SKEW_S
            self._set_clock(gateway, self._dice.between(-farthest_s, farthest_s) / 2)

    def _leap(self) -> None:
        """Somebody sets a machine's clock far off, and back after some seconds."""
        gateway = self._any()
        if gateway is None or gateway.clock.leap_s:
            return
        gateway.clock.leap_s = self._dice.one_of(LEAPS_S)
        self._world.count("clock leaps and comes back")
        self._world.tell("clock leaps", gateway.name, f"{gateway.clock.leap_s:.0f}")
        self._world.network.outside(self._dice.between(1, LONGEST_LEAP_S), setattr, gateway.clock, "leap_s", 0.0)

    def _set_clock(self, gateway: Gateway, skew_s: float) -> None:
        """As if it had been wrong since the start: what happens to a clock later changes a gateway's time slowly."""
        gateway.runtime.clock.set_back(gateway.clock.skew_s - skew_s)
        gateway.clock.skew_s = skew_s
        self._world.count("clock jumps")
        self._world.tell("clock jumps", gateway.name, f"{skew_s:.3f}")

    def _reload(self) -> None:
        gateway = self._any()
        if gateway is not None and gateway.serving:
            self._world.count("configuration reloaded")
            self._world.reload(gateway)

    def _restart(self) -> None:
        gateway = self._any()
        if gateway is not None and gateway.serving:
            self._world.count("gateway restarted")
            task = asyncio.create_task(self._world.restart(gateway))
            self._restarts.add(task)
            task.add_done_callback(self._restarts.discard)

    def _trouble_the_disk(self) -> None:
        disk = self._world.disk
        if self._dice.happens(0.5):
            disk.full = True
            self._world.count("disk full")
        else:
            disk.failing = True
            self._world.count("disk does not sync")
        self._world.network.outside(self._dice.between(0.05, 3), self._heal_the_disk)

    def _cut_off(self) -> None:
        """One gateway loses its journal, the others do not."""
        self._cut_off_for(self._dice.one_of(self._world.journals), self._dice.between(0.05, 4))

    def _cut_off_for(self, journal: SimulatedJournal, for_s: float) -> None:
        journal.cut_off = True
        self._world.count("gateway cut off from its journal")
        self._world.network.outside(for_s, setattr, journal, "cut_off", False)

    def _heal_the_disk(self) -> None:
        self._world.disk.full = self._world.disk.failing = False

    def _any(self) -> Gateway | None:
        alive = [one for one in self._world.gateways if one.process.alive]
        return self._dice.one_of(alive) if alive else None
