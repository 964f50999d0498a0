"""What happens to the gateways and their database while the games play."""

from __future__ import annotations

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import monotonic
from typing import Final

from tests.chaos.cluster import LEASE_S, Cluster
from tests.chaos.plan import Sizes
from tests.support.gateway_process import DiedAtStart, GatewayProcess

PAUSE_S: Final = LEASE_S + 2
"""Longer than a lease: others take the sleeper's transfers over, and it wakes among them."""

REST_BETWEEN_PAUSES_S: Final = 5.0
HANG_S: Final = 3.0
"""Longer than a statement may take."""

START_AGAIN_S: Final = 0.2


class Misfortunes:
    """Happen while `run` runs, until it is told that the play is over. `happened` counts them by name."""

    def __init__(self, cluster: Cluster, sizes: Sizes) -> None:
        self.happened: Counter[str] = Counter()
        self.over = asyncio.Event()
        self._cluster = cluster
        self._sizes = sizes
        self._dice = random.Random(sizes.seed)
        self._spared: set[GatewayProcess] = set()
        """Those that just now start again, or are asleep."""

    async def run(self) -> None:
        """Returns once it is `over`, and all gateways and the database run again."""
        async with asyncio.TaskGroup() as self._group:
            for work in (self._kill, self._pause, self._trouble_database):
                self._group.create_task(work())

    async def _kill(self) -> None:
        """A gateway dies at every beat, however long the others take to come back."""
        beat = monotonic()
        while await self._goes_on(beat + self._sizes.kill_every_s - monotonic()):
            beat += self._sizes.kill_every_s
            victim = self._one_awake()
            if victim is None:
                self.happened["a kill was left out: only one gateway served"] += 1
                continue
            self._spared.add(victim)
            await victim.kill()
            self.happened["a gateway was killed (SIGKILL)"] += 1
            self._group.create_task(self._restart(victim))

    async def _restart(self, gateway: GatewayProcess) -> None:
        """As a service manager would: again and again, since the database may be down."""
        while True:
            try:
                await gateway.start()
            except DiedAtStart:
                self.happened["a gateway could not start while the database was down"] += 1
                await asyncio.sleep(START_AGAIN_S)
            else:
                self._spared.discard(gateway)
                return

    async def _pause(self) -> None:
        """One at a time falls asleep in the middle of its work."""
        while await self._goes_on(REST_BETWEEN_PAUSES_S / 2):
            sleeper = self._one_awake()
            if sleeper is None:
                continue
            self._spared.add(sleeper)
            sleeper.send_signal(signal.SIGSTOP)
            await asyncio.sleep(PAUSE_S)
            sleeper.send_signal(signal.SIGCONT)
            self._spared.discard(sleeper)
            self.happened["a gateway slept for longer than its lease (SIGSTOP)"] += 1

    async def _trouble_database(self) -> None:
        """One kind after the other; each at least once, even if the play is short."""
        kinds: list[tuple[str, Callable[[], Awaitable[None]]]] = [
            ("the database was restarted", self._restart_database),
            ("the database crashed (SIGKILL)", self._crash_database),
            ("the database hung (SIGSTOP)", self._hang_database),
        ]
        self._dice.shuffle(kinds)
        while await self._goes_on(self._sizes.restart_database_every_s) or kinds[0][0] not in self.happened:
            kinds.append(kinds.pop(0))
            name, do = kinds[-1]
            await do()
            self.happened[name] += 1

    async def _restart_database(self) -> None:
        await asyncio.to_thread(self._cluster.database.restart)

    async def _crash_database(self) -> None:
        await asyncio.to_thread(self._cluster.database.kill)
        await asyncio.to_thread(self._cluster.database.start_again)

    async def _hang_database(self) -> None:
        await self._cluster.database.pause()
        await asyncio.sleep(HANG_S)
        self._cluster.database.unpause()

    def _one_awake(self) -> GatewayProcess | None:
        """One that serves, and not the last: gateways that die faster than a slow machine starts them play nothing."""
        awake = [gateway for gateway in self._cluster.instances if gateway not in self._spared]
        return self._dice.choice(awake) if len(awake) > 1 else None

    async def _goes_on(self, after_s: float) -> bool:
        """Waits, and says whether the play still goes on then."""
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, after_s)):
                await self.over.wait()
        return not self.over.is_set()
