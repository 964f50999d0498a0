"""`make soak MINUTES=5`: the gateway under a steady load with faults: does it stay level, and do the books agree?

The real process, operators that fail in every way, purchases at a steady rate, a reload every minute, and a journal
that forgets what is finished. Writes build/soak/index.html; the exit status tells whether all was well.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.soak.flatness import WARM_UP, Trend, trend
from tests.soak.page import Line, Plot, page
from tests.soak.sampling import Sample, Sampler, descriptors
from tests.support.auditing import story, violations
from tests.support.journal_places import STORES
from tests.support.stage import KEEP, PLAYED, Stage, staged

REPORT: Final = Path("build/soak/index.html")
REMEMBER_EVERY_S: Final = 20.0
RELOAD_EVERY_S: Final = 60.0
REPEAT_EVERY_S: Final = 5.0
KEPT_S: Final = 120.0
"""For how long the journal has what is finished, before it is made to look days old and is forgotten. Much longer than
`REMEMBER_EVERY_S`: every transfer is seen in its end before that."""

OPERATOR_TIMEOUT_MS: Final = 2000
UNDER_WAY: Final = 100
"""Purchases at once: a machine that cannot keep up gets a lower rate instead of a storm of repeats."""

TOLD_STORIES: Final = 5
FEWEST_SAMPLES: Final = 10
REST_S: Final = 30.0
SHORT_S: Final = 0.2
KEPT_OPEN: Final = 8
"""Connections to its database that a gateway keeps once it has needed them."""


class Soak:
    """One run: the load, what is measured meanwhile, and what is said of it."""

    def __init__(self, stage: Stage, rate: float) -> None:
        self.stage = stage
        self.sampler = Sampler(stage.gateway, stage.game)
        self.held_back = 0
        self.at_rest = ""
        self._rate = rate
        self._playing: set[asyncio.Task[None]] = set()

    async def run(self, seconds: float) -> list[str]:
        """Plays, drains, and audits. Returns what was wrong."""
        await self.stage.reconfigured_at_rest(keep=KEEP)
        before = descriptors(self.stage.gateway)
        works = (self.sampler.run(), self._remember(), self._repeat(), self._reload())
        beside = [asyncio.create_task(work) for work in works]
        await self._play(seconds)
        problems = [f"{task} ended: {task.exception()}" for task in beside if task.done()]
        for task in beside:
            task.cancel()
        await asyncio.wait(beside)
        if self._playing:
            await asyncio.wait(self._playing)
        problems += await self.stage.finished()
        problems += await self._come_to_rest(before)
        evidence = await self.stage.evidence()
        found = violations(evidence)
        told = [key for key in sorted(evidence.keys) if any(" ".join(key) in each for each in found)]
        problems += [*found, *(story(evidence, key) for key in told[:TOLD_STORIES])]
        if (status := await self.stage.gateway.stop()) != 0:
            problems.append(f"the gateway stopped with status {status}")
        return problems

    def trends(self) -> list[Trend]:
        samples = self.sampler.samples
        times = [sample.at for sample in samples]
        judged = (
            ("memory (MiB)", [sample.memory_mib for sample in samples], 0.05, 2.0),
            ("file descriptors", [sample.descriptors for sample in samples], 0.05, 10.0),
            ("threads", [sample.threads for sample in samples], 0.0, 1.0),
        )
        return [
            trend(name, times, values, allowed_part=part, allowed_least=least) for name, values, part, least in judged
        ]

    async def _come_to_rest(self, before: int) -> list[str]:
        """Once nothing is under way and connections have idled out, as much is open as before there was any load."""
        until = time.monotonic() + REST_S
        while (after := descriptors(self.stage.gateway)) > before + KEPT_OPEN:
            if time.monotonic() > until:
                break
            await asyncio.sleep(SHORT_S)
        self.at_rest = f"{before} open before the load, {after} after it"
        return [f"at rest, files: {self.at_rest}"] if after > before + KEPT_OPEN else []

    async def _play(self, seconds: float) -> None:
        """Purchases at a steady rate, so long as the machine keeps up."""
        begun = time.monotonic()
        started = 0
        while (passed := time.monotonic() - begun) < seconds:
            while started < passed * self._rate:
                started += 1
                if len(self._playing) >= UNDER_WAY:
                    self.held_back += 1
                    continue
                task = asyncio.create_task(self.stage.game.play(self.stage.game.any_purchase(PLAYED)))
                self._playing.add(task)
                task.add_done_callback(self._playing.discard)
            await asyncio.sleep(1 / self._rate)

    async def _remember(self) -> None:
        while True:
            await asyncio.sleep(REMEMBER_EVERY_S)
            await self.stage.remember()
            await self.stage.age(KEPT_S)

    async def _repeat(self) -> None:
        """Whatever was not acknowledged, the game asks for again, long before the journal forgets it."""
        while True:
            await asyncio.sleep(REPEAT_EVERY_S)
            await self.stage.game.finish(wait_limit_s=REPEAT_EVERY_S)

    async def _reload(self) -> None:
        while True:
            await asyncio.sleep(RELOAD_EVERY_S)
            await self.stage.reconfigure(keep=KEEP)


def facts(soak: Soak) -> list[tuple[str, str]]:
    """What there is to know of a run in numbers."""
    told = soak.stage.game.told
    took_ms = sorted(1000 * each.took_s for each in told)
    outcomes = Counter(f"{each.status} {each.code or 'ok'}" for each in told)
    health = [sample.health_ms for sample in soak.sampler.samples]
    return [
        (
            "purchases",
            f"{len(soak.stage.game.purchases):,}, {soak.held_back:,} held back by a machine that was too slow",
        ),
        ("calls", f"{len(told):,}"),
        ("answers", ", ".join(f"{outcome}: {times:,}" for outcome, times in outcomes.most_common())),
        ("latency", f"median {statistics.median(took_ms):.1f} ms, p99 {took_ms[int(len(took_ms) * 0.99)]:.1f} ms"),
        ("health check", f"median {statistics.median(health):.1f} ms, at most {max(health):.1f} ms"),
        ("files at rest", soak.at_rest),
        *((trend.name, f"{trend} (allowed {trend.allowed:+.1f})") for trend in soak.trends()),
    ]


def plots(samples: Sequence[Sample]) -> list[Plot]:
    """The curves of a run."""
    times = [sample.at for sample in samples]
    states = sorted({state for sample in samples for state in sample.states})
    curves = (
        ("Resident memory, MiB", [Line("memory", [sample.memory_mib for sample in samples])]),
        ("File descriptors", [Line("descriptors", [sample.descriptors for sample in samples])]),
        ("Threads", [Line("threads", [sample.threads for sample in samples])]),
        ("Calls answered per second", [Line("calls", [sample.calls_per_s for sample in samples])]),
        (
            "Latency of the game's calls, ms",
            [Line("p99", [each.p99_ms for each in samples]), Line("median", [each.median_ms for each in samples])],
        ),
        ("Time to answer a health check, ms", [Line("health", [sample.health_ms for sample in samples])]),
        (
            "Unfinished transfers by state",
            [Line(state, [sample.states.get(state, 0.0) for sample in samples]) for state in states],
        ),
    )
    return [Plot(title, times, lines, WARM_UP * times[-1]) for title, lines in curves]


async def soaked(minutes: float, rate: float, store: str, seed: int) -> int:
    """Runs it, and writes and says what came of it. Returns the exit status."""
    with tempfile.TemporaryDirectory(prefix="mm-soak-") as name:
        folder = Path(name)
        async with staged(folder, STORES[store](folder), random.Random(seed), OPERATOR_TIMEOUT_MS) as stage:
            await stage.gateway.start()
            soak = Soak(stage, rate)
            problems = await soak.run(60 * minutes)
    if len(soak.sampler.samples) < FEWEST_SAMPLES:
        problems.append(f"only {len(soak.sampler.samples)} samples: too short a run to judge")
    trends = soak.trends()
    good = not problems and all(each.flat for each in trends)
    verdict = (
        f"make soak: {'level, and the books agree' if good else 'FAILED'}: {minutes:g} minutes, "
        f"{len(stage.game.purchases):,} purchases, {len(stage.game.told):,} calls, {len(problems)} problems; "
        f"{'; '.join(map(str, trends))}; {REPORT}"
    )
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    title = f"Soak: {minutes:g} minutes on {store}"
    text = page(title, verdict, good, facts(soak), plots(soak.sampler.samples), "\n".join(problems))
    REPORT.write_text(text, encoding="utf-8")
    sys.stdout.write("\n".join([*problems, verdict, ""]))
    return int(not good)


def main() -> int:
    """The command. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--rate", type=float, default=25.0, help="purchases begun per second")
    parser.add_argument("--store", choices=sorted(STORES), default="sqlite")
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    return asyncio.run(soaked(wanted.minutes, wanted.rate, wanted.store, wanted.seed))


if __name__ == "__main__":
    sys.exit(main())
