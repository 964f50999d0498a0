"""`make fuzz`: every parser under the coverage-guided fuzzer, every adapter under mutated real answers, the real door
under mutated HTTP, and its description.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from typing import Final

from gateway.operators import registry
from tests.fuzz import campaign, description, door, mutated
from tests.fuzz.campaign import Ran
from tests.fuzz.targets import TARGETS

ACROSS_SOCKETS: Final[dict[str, Callable[[int], Ran]]] = {"door": door.run, "description": description.run}
"""They take the share `SLOWER` of the inputs."""

SLOWER: Final = 50


MUTATED: Final = {f"mutated-{name}": name for name in registry.names()}
"""The adapters, by the names of their targets."""


def main() -> int:
    names = [*TARGETS, *MUTATED, *ACROSS_SOCKETS]
    options = argparse.ArgumentParser(prog="make fuzz")
    options.add_argument("--runs", type=int, default=100_000)
    options.add_argument("--answers", type=int, default=1_000_000)
    options.add_argument("--workers", type=int, default=1)
    options.add_argument("target", nargs="*", choices=[[], *names], default=[])
    chosen = options.parse_args()
    campaign.KEPT.mkdir(exist_ok=True)
    ran = [_run(name, chosen) for name in chosen.target or names]
    found = [one.name for one in ran if one.finding]
    outcome = f"not passed: {', '.join(found)}" if found else "no finding"
    sys.stdout.write(
        f"make fuzz: {chosen.runs} inputs per parser, {chosen.answers} mutated answers per adapter, {outcome}\n"
    )
    return 1 if found else 0


def _run(name: str, chosen: argparse.Namespace) -> Ran:
    ran = _campaign(name, chosen)()
    sys.stdout.write(f"{ran}\n{ran.finding}\n" if ran.finding else f"{ran}\n")
    sys.stdout.flush()
    return ran


def _campaign(name: str, chosen: argparse.Namespace) -> Callable[[], Ran]:
    if name in MUTATED:
        return partial(mutated.campaign, MUTATED[name], chosen.answers, chosen.workers)
    if name in ACROSS_SOCKETS:
        return partial(ACROSS_SOCKETS[name], max(1, chosen.runs // SLOWER))
    return partial(campaign.run, TARGETS[name], chosen.runs)


if __name__ == "__main__":
    sys.exit(main())
