"""`python -m tests.adapter_canaries`: makes every mistake and reports; what `make adapter-canaries` runs."""

from __future__ import annotations

import argparse
import sys
import time
from multiprocessing import Pool
from typing import Final

from tests.adapter_canaries.canary import Sighting, hunted
from tests.adapter_canaries.flock import CANARIES

HEADING: Final = f"{'adapter':<10}{'mistake':<58}{'s':>5}  seen by"


def line_of(sighting: Sighting) -> str:
    """A sighting as a line of the table."""
    canary = sighting.canary
    seen = f"{sighting.grade:<6} {sighting.behaviour}" if sighting.behaviour else "NOT SEEN"
    if canary.harmless:
        seen = f"SEEN BY {sighting.behaviour}" if sighting.behaviour else f"harmless: {canary.harmless}"
    return f"{canary.adapter:<10}{canary.name:<58}{sighting.took_s:>5.1f}  {seen}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.adapter_canaries")
    parser.add_argument("--workers", type=int, default=1, help="how many processes")
    parser.add_argument("--adapter", help="only the mistakes in this one")
    arguments = parser.parse_args()
    chosen = [canary for canary in CANARIES if arguments.adapter in {None, canary.adapter}]
    begun = time.perf_counter()
    sys.stdout.write(f"{HEADING}\n")
    sightings = []
    with Pool(arguments.workers, maxtasksperchild=1) as pool:
        for sighting in pool.imap(hunted, chosen):
            sightings.append(sighting)
            sys.stdout.write(f"{line_of(sighting)}\n")
            sys.stdout.flush()
    seen = sum(bool(sighting.behaviour) for sighting in sightings)
    harmless = sum(sighting.is_right and not sighting.behaviour for sighting in sightings)
    took_s = time.perf_counter() - begun
    sys.stdout.write(
        f"make adapter-canaries: {len(chosen)} mistakes, {seen} seen, {harmless} harmless, "
        f"{len(chosen) - seen - harmless} not seen, in {took_s:.0f} s\n"
    )
    return 0 if all(sighting.is_right for sighting in sightings) else 1


if __name__ == "__main__":
    sys.exit(main())
