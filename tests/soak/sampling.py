"""What is measured of a gateway while it works, once a second, from outside of it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from pathlib import Path
from typing import Final, NamedTuple

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from gateway.records import State
from tests.support.gateway_process import GatewayProcess
from tests.support.playing import Game

EVERY_S: Final = 1.0
MIB: Final = 2**20
TRANSFERS: Final = "mm_gateway_transfers"


class Sample(NamedTuple):
    """One moment, `at` seconds after the begin. `health_ms` is how long the process took to answer its health check,
    which waits for the loop as everything does; latencies are of the calls answered since the last sample."""

    at: float
    memory_mib: float
    descriptors: float
    threads: float
    health_ms: float
    median_ms: float
    p99_ms: float
    calls_per_s: float
    states: dict[str, float]


def descriptors(gateway: GatewayProcess) -> int:
    """How many files and sockets the gateway has open."""
    return sum(1 for _ in Path(f"/proc/{gateway.pid}/fd").iterdir())


class Sampler:
    """Takes samples until it is cancelled."""

    def __init__(self, gateway: GatewayProcess, game: Game) -> None:
        self.samples: list[Sample] = []
        self._gateway = gateway
        self._game = game
        self._begun = time.monotonic()
        self._seen = 0

    async def run(self) -> None:
        async with aiohttp.ClientSession() as client:
            while True:
                await asyncio.sleep(EVERY_S)
                self.samples.append(await self._sample(client))

    async def _sample(self, client: aiohttp.ClientSession) -> Sample:
        process = Path(f"/proc/{self._gateway.pid}")
        status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
        told = self._game.told[self._seen :]
        self._seen += len(told)
        took_ms = sorted(1000 * each.took_s for each in told) or [0.0]
        at = time.monotonic() - self._begun
        before = self.samples[-1].at if self.samples else 0.0
        return Sample(
            at=at,
            memory_mib=int(status["VmRSS"].split()[0]) * 1024 / MIB,
            descriptors=descriptors(self._gateway),
            threads=int(status["Threads"]),
            health_ms=await self._health_ms(client),
            median_ms=took_ms[len(took_ms) // 2],
            p99_ms=took_ms[int(len(took_ms) * 0.99)],
            calls_per_s=len(told) / (at - before),
            states=await self._states(),
        )

    async def _health_ms(self, client: aiohttp.ClientSession) -> float:
        begun = time.monotonic()
        async with client.get(f"{self._gateway.admin_url}/healthz") as answer:
            await answer.read()
        return 1000 * (time.monotonic() - begun)

    async def _states(self) -> dict[str, float]:
        """How many unfinished transfers there are in each state, by the gateway's own count."""
        found: Counter[str] = Counter()
        for family in text_string_to_metric_families(await self._gateway.metrics()):
            for sample in family.samples:
                if sample.name == TRANSFERS:
                    found[sample.labels["state"]] += int(sample.value)
        return {state: found[state] for state in State if state in found}
