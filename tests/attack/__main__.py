"""`make attack`: everything that a hostile neighbour may try, on a real gateway with little memory, while honest games
buy. Each attack is a line; the exit status tells whether the gateway held."""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.attack.attacks import ATTACKS
from tests.attack.play import MEMORY_LIMIT, MIB, Campaign, Result, campaign

SECONDS: Final = 5.0
AT_REST_S: Final = 5.0
BETWEEN_S: Final = 1.0
SLOWER: Final = 2.0
"""By how much an attack may delay the slowest hundredth of honest calls."""

NOT_NOTICED_MS: Final = 50.0
"""Below this nobody is slow: on a machine that games and attacker share with the gateway, a few slices of their time
make a hundredth of the calls late."""


async def attack_all(names: list[str], seconds: float) -> list[str]:
    """Prints a line for each attack. Returns what was wrong."""
    with tempfile.TemporaryDirectory(prefix="attack-") as folder:
        async with campaign(Path(folder)) as played:
            await played.rest(BETWEEN_S)  # the first calls have their credentials checked
            rest = await played.rest(AT_REST_S)
            say(line(rest, "no attack"))
            usual = [rest.p99_ms]
            problems: list[str] = []
            for name in names:
                result, found = await attack(played, name, seconds, usual)
                say(line(result, ATTACKS[name].what))
                problems += found
            problems += await played.problems()
            if (status := await played.gateway.stop()) != 0:
                problems.append(f"the gateway stopped with status {status}")
    return problems


async def attack(played: Campaign, name: str, seconds: float, usual: list[float]) -> tuple[Result, list[str]]:
    """Plays an attack, and once more if honest calls were slow: their games and the attacker share this machine with
    the gateway, and what is only their slowness does not come twice. `usual`: p99s of times without an attack."""
    result, found = await attack_once(played, name, seconds, usual)
    if found and not result.refused:
        result, found = await attack_once(played, name, seconds, usual)
    return result, found


async def attack_once(played: Campaign, name: str, seconds: float, usual: list[float]) -> tuple[Result, list[str]]:
    result = await played.attack(name, seconds)
    usual.append((await played.rest(BETWEEN_S)).p99_ms)
    return result, list(complaints(result, statistics.median(usual)))


def complaints(result: Result, usually_ms: float) -> Iterator[str]:
    """What an attack must not do to others."""
    for refused, count in result.refused.items():
        yield f"{result.name}: {count} honest calls were refused: {refused[:200]}"
    if result.p99_ms > max(SLOWER * usually_ms, NOT_NOTICED_MS):
        yield f"{result.name}: honest calls took {result.p99_ms:.0f} ms (p99), usually {usually_ms:.0f} ms"
    if result.peak_mib * MIB > MEMORY_LIMIT:
        yield f"{result.name}: the process has had {result.peak_mib:.0f} MiB"


def line(result: Result, what: str) -> str:
    """A result in one line."""
    seen = ", ".join(f"{count} {word}" for word, count in sorted(result.tally.items(), key=lambda item: -item[1])[:4])
    measured = f"{result.calls:5} honest calls  p99 {result.p99_ms:5.0f} ms  {result.peak_mib:4.0f} MiB"
    return f"{result.name:16} {measured}  {what}{' – ' + seen if seen else ''}"


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for how long each attack goes on")
    parser.add_argument("names", nargs="*", help="only these attacks")
    given = parser.parse_args()
    unknown = [name for name in given.names if name not in ATTACKS]
    if unknown:
        parser.error(f"no attack is called {unknown[0]!r}; there are: {', '.join(ATTACKS)}")
    problems = asyncio.run(attack_all(given.names or list(ATTACKS), given.seconds))
    for problem in problems:
        say(problem)
    say(f"make attack: {len(problems)} problems" if problems else "make attack: the gateway held, nothing was lost")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
