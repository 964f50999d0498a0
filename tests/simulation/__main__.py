"""`python -m tests.simulation`: plays seeds and reports; what `make simulate` and `make canaries` run."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from multiprocessing import Pool

from tests.simulation.play import play
from tests.simulation.report import Outcome, outcome_of, report, summary

COMPLETE: int = 300
"""From so many seeds on, everything must have been reached."""


def outcome(seed: int) -> Outcome:
    """Plays and audits one seed."""
    world = play(seed)
    try:
        return outcome_of(world)
    finally:
        world.close()


def outcomes(first: int, count: int, workers: int) -> Iterator[Outcome]:
    """Those of many seeds, as they come in."""
    seeds = range(first, first + count)
    if workers == 1:
        yield from map(outcome, seeds)
        return
    with Pool(workers, maxtasksperchild=200) as pool:
        yield from pool.imap_unordered(outcome, seeds, chunksize=4)


def main() -> int:
    arguments = _arguments()
    begun = time.perf_counter()
    if arguments.seed is not None:
        found = [outcome(arguments.seed)]
    else:
        found = sorted(outcomes(arguments.first, arguments.seeds, arguments.workers), key=lambda one: one.seed)
    text, complete = report(found, time.perf_counter() - begun)
    sys.stdout.write(f"{text}\n{summary(found)}\n")
    well = not any(one.violations for one in found)
    return 0 if well and (complete or len(found) < COMPLETE) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make simulate")
    parser.add_argument("--seeds", type=int, default=COMPLETE, help="how many seeds")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--seed", type=int, help="this one alone")
    parser.add_argument("--workers", type=int, default=1, help="how many processes")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
