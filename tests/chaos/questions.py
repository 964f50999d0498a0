"""Operators that ask the gateways how transfers have ended, while those are played and when all is at rest."""

from __future__ import annotations

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import Iterable
from time import monotonic
from typing import Final

import msgspec

from gateway.records import Key
from gateway.sandbox.gateway_calls import QUERIES
from tests.chaos.game import Balancer
from tests.support.doors import basic

ASKERS: Final = 3
"""Questions of one operator that may be under way side by side: where a gateway is dead, an answer takes long."""

PAUSE_S: Final = 0.3
RECENT: Final = 40
"""An operator asks about one of so many transfers that have begun last: each again and again until it has ended, and
for a while longer."""

TRIES_AT_REST: Final = 5


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A question and its answer: the state that was told, empty if there was none. Times are of one steady clock."""

    key: Key
    asked_at: float
    answered_at: float
    state: str


def credentials_of(operator: str) -> dict[str, str]:
    """What an operator authenticates with when it asks."""
    return {"username": f"{operator}-asks", "password": "secret"}


class Questions:
    """Asks through balancers. `asked` has every question of the play, in the order of the answers."""

    def __init__(self, dice: random.Random) -> None:
        self.asked: list[Asked] = []
        self._begun: defaultdict[str, list[Key]] = defaultdict(list)
        self._dice = dice

    def begin(self, key: Key) -> None:
        """This one may be asked about from now on, whether or not anything has reached a gateway."""
        self._begun[key.operator].append(key)

    async def keep_asking(self, operators: Iterable[str], balancer: Balancer) -> None:
        """Until it is cancelled."""
        askers = [name for name in operators for _ in range(ASKERS)]
        await asyncio.gather(*(self._ask_one_after_another(name, balancer) for name in askers))

    async def _ask_one_after_another(self, operator: str, balancer: Balancer) -> None:
        while True:
            await asyncio.sleep(self._dice.uniform(0, 2 * PAUSE_S))
            if begun := self._begun[operator]:
                self.asked.append(await ask(balancer, self._dice.choice(begun[-RECENT:])))


async def ask(balancer: Balancer, key: Key) -> Asked:
    body = json.dumps({"mmTransactionId": key.id}).encode()
    asked_at = monotonic()
    path = f"/operators/{key.operator}/payment/{QUERIES[key.direction]}"
    reply = await balancer.send(path, body, basic(":".join(credentials_of(key.operator).values())))
    state = json.loads(reply.body)["state"] if reply.ok else ""
    return Asked(key=key, asked_at=asked_at, answered_at=monotonic(), state=state)


async def ask_until_told(balancer: Balancer, keys: Iterable[Key]) -> list[Asked]:
    """About each of these, one after the other, until there is an answer: at rest there is one soon."""
    told = []
    for key in keys:
        answers = [await ask(balancer, key)]
        while not answers[-1].state and len(answers) < TRIES_AT_REST:
            answers.append(await ask(balancer, key))
        told.append(answers[-1])
    return told
