"""`python -m tests.simulation`: plays seeds and reports; what `make simulate` and `make canaries` run."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from multiprocessing import Pool
from pathlib import Path
from typing import Final

from tests.simulation.canaries import CANARIES
from tests.simulation.evidence import Evidence
from tests.simulation.hunt import HEADING, hunted, line_of
from tests.simulation.play import play
from tests.simulation.report import COMPLETE, Outcome, outcome, report, summary

TOLD_EVERY: Final = 500


def outcomes(first: int, count: int, workers: int) -> Iterator[Outcome]:
    """Those of many seeds, as they come in."""
    with Pool(workers, _mute, maxtasksperchild=200) as pool:
        yield from pool.imap_unordered(outcome, range(first, first + count), chunksize=4)


def _mute() -> None:
    """The report would drown in what simulated gateways log. An exception is raised again where it is waited for."""
    sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - as long as the process


def told(played: Iterator[Outcome], seeds: int) -> Iterator[Outcome]:
    """The same, telling those who wait how far it is, and at once what is wrong."""
    for number, one in enumerate(played, 1):
        if one.violations:
            sys.stderr.write(f"{one.explanation}\n")
        if number % TOLD_EVERY == 0:
            sys.stderr.write(f"{number} of {seeds} seeds\n")
        yield one


def simulate(arguments: argparse.Namespace) -> bool:
    """Plays seeds, prints the report, and tells whether all is well."""
    begun = time.perf_counter()
    if arguments.seed is not None:
        found = [outcome(arguments.seed)]
    else:
        played = outcomes(arguments.first, arguments.seeds, arguments.workers)
        found = sorted(told(played, arguments.seeds), key=lambda one: one.seed)
    text, well = report(found, time.perf_counter() - begun)
    sys.stdout.write(f"{text}\n{summary(found)}\n")
    return well


def log(arguments: argparse.Namespace) -> bool:
    """Plays one seed and prints its event log."""
    world = play(arguments.seed)
    sys.stdout.write(Evidence(world).log())
    world.close()
    return True


def canaries(arguments: argparse.Namespace) -> bool:
    """Lets every canary fly, prints who was caught, and tells whether all were."""
    caught = 0
    sys.stdout.write(f"{HEADING}\n")
    with Pool(arguments.workers, _mute, maxtasksperchild=1) as pool:
        for catch in pool.imap(hunted, CANARIES):
            caught += catch.seed is not None
            sys.stdout.write(f"{line_of(catch)}\n")
            sys.stdout.flush()
    sys.stdout.write(f"make canaries: {caught} of {len(CANARIES)} caught\n")
    return caught == len(CANARIES)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--workers", type=int, default=1, help="how many processes")
    commands = parser.add_subparsers(required=True)
    seeds = commands.add_parser("seeds", help="play seeds")
    seeds.add_argument("--seeds", type=int, default=COMPLETE, help="how many")
    seeds.add_argument("--first", type=int, default=0, help="the first of them")
    seeds.add_argument("--seed", type=int, help="this one alone")
    seeds.set_defaults(run=simulate)
    told = commands.add_parser("log", help="tell all that happens in one seed")
    told.add_argument("--seed", type=int, required=True)
    told.set_defaults(run=log)
    commands.add_parser("canaries", help="mutate the gateway and see whether that is seen").set_defaults(run=canaries)
    arguments = parser.parse_args()
    return 0 if arguments.run(arguments) else 1


if __name__ == "__main__":
    sys.exit(main())
