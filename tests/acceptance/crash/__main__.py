"""`make crash TIMES=20`: every point that many times on both journals, each time in another order and with another nth.

Chains run side by side. A table of points and a summary line end it; the exit status tells whether nothing was lost.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from tests.acceptance.crash.campaign import Crash, NotReached, Outcome, chains_of, points_of, run_chain
from tests.support.journal_places import STORES

LENGTH: Final = 12


class Chain(NamedTuple):
    """One chain to be run; `seed` is all that chance depends on."""

    store: str
    seed: int
    crashes: list[Crash]


class Tally:
    """What has been survived so far."""

    def __init__(self) -> None:
        self.survived: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.transfers = 0
        self.chains = 0
        self.failures: list[str] = []

    def add(self, chain: Chain, outcome: Outcome) -> None:
        self.transfers += outcome.transfers
        if outcome.problems:
            self.fail(chain, "\n".join(outcome.problems))
        for crash in outcome.crashes:
            self.survived[crash.point][chain.store] += 1

    def fail(self, chain: Chain, text: str) -> None:
        """Something was wrong with this chain."""
        self.failures.append(f"{chain.store}, seed {chain.seed}, {' '.join(map(str, chain.crashes))}:\n{text}")
        sys.stderr.write(f"{self.failures[-1]}\n")

    def table(self) -> Iterator[str]:
        yield f"{'killed at':24}" + "".join(f"{store:>10}" for store in STORES)
        for point in sorted({point for store in STORES for point in points_of(store)}):
            yield f"{point:24}" + "".join(f"{self._times(point, store):>10}" for store in STORES)

    def missing(self, times: int) -> list[str]:
        """The points that were come by less often than that."""
        pairs = [(point, store) for store in STORES for point in points_of(store)]
        return [f"{point} on {store}" for point, store in pairs if self.survived[point][store] < times]

    def _times(self, point: str, store: str) -> str:
        return str(self.survived[point][store]) if point in points_of(store) else "–"


def planned(times: int, seed: int) -> list[Chain]:
    """All chains of a campaign."""
    chains = []
    for turn in range(times):
        for store in STORES:
            chance = random.Random(f"{seed} {turn} {store}")
            chains += [
                Chain(store, chance.randrange(10**9), crashes)
                for crashes in chains_of(points_of(store), LENGTH, chance)
            ]
    return chains


async def carried_out(chains: list[Chain], abreast: int) -> Tally:
    """Runs them, so many at once."""
    tally, waiting = Tally(), list(reversed(chains))

    async def work() -> None:
        while waiting:
            chain = waiting.pop()
            await _carry_out(chain, tally)
            sys.stdout.write(
                f"{tally.chains} of {len(chains)} chains, {tally.transfers} transfers audited, "
                f"{len(tally.failures)} failures\n"
            )
            sys.stdout.flush()

    await asyncio.gather(*(work() for _ in range(abreast)))
    return tally


async def _carry_out(chain: Chain, tally: Tally) -> None:
    folder = Path(tempfile.mkdtemp(prefix="mm-crash-"))
    try:
        tally.add(chain, await run_chain(chain.store, chain.crashes, folder, chain.seed))
    except (NotReached, TimeoutError) as error:
        tally.fail(chain, f"{type(error).__name__} {error}")
    tally.chains += 1
    shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    """The command. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="make crash", description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--times", type=int, default=1, help="how often each point on each journal")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10**6, help="what chance depends on")
    parser.add_argument("--abreast", type=int, default=4, help="how many chains at once")
    wanted = parser.parse_args()
    begun = time.monotonic()
    tally = asyncio.run(carried_out(planned(wanted.times, wanted.seed), wanted.abreast))
    missing = tally.missing(wanted.times)
    sys.stdout.write("\n".join([*tally.table(), *tally.failures, *(f"too seldom: {each}" for each in missing), ""]))
    kills = sum(times.total() for times in tally.survived.values())
    failed = bool(tally.failures or missing)
    sys.stdout.write(
        f"make crash: {'FAILED' if failed else 'nothing lost'}: killed {kills} times at {len(tally.survived)} points, "
        f"{tally.transfers} transfers audited, {len(tally.failures)} failures, seed {wanted.seed}, "
        f"{(time.monotonic() - begun) / 60:.1f} minutes\n"
    )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
