"""`make fuzz`: every parser under the coverage-guided fuzzer, the real door under mutated HTTP and its description."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Final

from tests.fuzz import campaign, description, door
from tests.fuzz.campaign import Ran
from tests.fuzz.targets import TARGETS

ACROSS_SOCKETS: Final[dict[str, Callable[[int], Ran]]] = {"door": door.run, "description": description.run}
"""They take the share `SLOWER` of the inputs."""

SLOWER: Final = 50


def main() -> int:
    names = [*TARGETS, *ACROSS_SOCKETS]
    options = argparse.ArgumentParser(prog="make fuzz")
    options.add_argument("--runs", type=int, default=100_000)
    options.add_argument("target", nargs="*", choices=[[], *names], default=[])
    chosen = options.parse_args()
    campaign.KEPT.mkdir(exist_ok=True)
    ran = [_run(name, chosen.runs) for name in chosen.target or names]
    found = [one.name for one in ran if one.finding]
    outcome = f"not passed: {', '.join(found)}" if found else "no finding"
    sys.stdout.write(f"make fuzz: {chosen.runs} inputs per parser, {outcome}\n")
    return 1 if found else 0


def _run(name: str, runs: int) -> Ran:
    across = ACROSS_SOCKETS.get(name)
    ran = campaign.run(TARGETS[name], runs) if across is None else across(max(1, runs // SLOWER))
    sys.stdout.write(f"{ran}\n{ran.finding}\n" if ran.finding else f"{ran}\n")
    sys.stdout.flush()
    return ran


if __name__ == "__main__":
    sys.exit(main())
