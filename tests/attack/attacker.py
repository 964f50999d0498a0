"""The process of the attacker: plays one attack, or serves the hostile operator.

It is a process of its own, with the lowest priority, since its machine is another one in earnest: what it costs itself
is no cost of the gateway.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
from collections import Counter

import msgspec

from tests.attack import hostile_operator
from tests.attack.attacks import ATTACKS
from tests.attack.target import Attacker, Target


async def attack(name: str, target: Target) -> Counter[str]:
    attacker = Attacker(target)
    await ATTACKS[name].run(attacker)
    return attacker.tally


def main() -> None:
    os.nice(19)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    match sys.argv[1:]:
        case ["serve", port]:
            asyncio.run(hostile_operator.serve(int(port)))
        case [name, target]:
            tally = asyncio.run(attack(name, msgspec.json.decode(target, type=Target)))
            sys.stdout.buffer.write(msgspec.json.encode(tally))


if __name__ == "__main__":
    main()
