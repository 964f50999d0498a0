"""The play: games and misfortunes until every transfer has been played, then calm, then the audit."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain
from pathlib import Path
from time import monotonic
from typing import Final

import aiohttp
import msgspec

from gateway.journal.interface import Journal, Position, ReasonFilter, TransferFilter, position_of
from gateway.records import Direction, Key, State, Transfer, UnfinishedCount
from tests.chaos.audit import Check, Evidence, audit
from tests.chaos.audit_around import Around
from tests.chaos.cluster import Cluster, cluster
from tests.chaos.game import PATIENCE_S, Balancer, Game, Told
from tests.chaos.misfortunes import Misfortunes
from tests.chaos.payments import Callback, PaymentSystems
from tests.chaos.plan import ACME, BETA, PROTOCOLS, STUBBORN, Order, Purchase, Sizes, played
from tests.chaos.questions import Asked, Questions, ask_until_told
from tests.support.gateway_process import GatewayProcess

LOOK_S: Final = 0.2
TELL_EVERY_S: Final = 10.0
REST_S: Final = 90.0
"""How long after the last misfortune everything must have come to its end."""

PAGE: Final = 1000
EXPECTED_ERRORS: Final = frozenset({"parked", "call"})
"""A call's line is an error where the journal is away, and here it often is."""


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """What was played, and what the audit says of it."""

    sizes: Sizes
    evidence: Evidence
    happened: Counter[str]
    checks: list[Check]
    play_s: float
    rest_s: float

    @property
    def promises_kept(self) -> bool:
        return not any(check.failures for check in self.checks)


async def play(sizes: Sizes, folder: Path, say: Callable[[str], None] = lambda _: None) -> Played:
    """Plays it all in this folder, which is empty; `say` is told how far it is."""
    timeout = aiohttp.ClientTimeout(PATIENCE_S)
    async with (
        cluster(folder, sizes) as stage,
        aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as client,
    ):
        misfortunes = Misfortunes(stage, sizes)
        players = Players(stage, sizes, client)
        play_s = await _side_by_side(players, misfortunes, sizes.at_once, say)
        calm_since = monotonic()
        journal = await stage.journal()
        try:
            parked = await _rest(stage, journal)
            rested_at = monotonic()
            at_rest = await players.ask_every_gateway()
            await _stop(stage)
            evidence = await _evidence(stage, journal, players, parked, at_rest)
        finally:
            await journal.close()
        return Played(
            sizes=sizes,
            evidence=evidence,
            happened=misfortunes.happened,
            checks=audit(evidence),
            play_s=play_s,
            rest_s=rested_at - calm_since,
        )


class Players:
    """Whoever calls the gateways: the game, the operators' payment systems, and operators with questions. `told`,
    `callbacks` and `questions` are what they know in the end."""

    def __init__(self, stage: Cluster, sizes: Sizes, client: aiohttp.ClientSession) -> None:
        self.told: list[Told] = []
        self.callbacks: list[Callback] = []
        self.questions = Questions(random.Random(sizes.seed))
        self._waiting = iter(played(sizes))
        self._operators_urls = [partial(getattr, gateway, "operators_url") for gateway in stage.instances]
        urls = [partial(getattr, gateway, "wallet_url") for gateway in stage.instances]
        self._game = Game(Balancer(client, urls, random.Random(sizes.seed)))
        self._operators_side = Balancer(client, self._operators_urls, random.Random(sizes.seed))
        self._payment_systems = PaymentSystems(self._operators_side, random.Random(sizes.seed))

    async def play_one_after_another(self) -> None:
        """Until nothing waits any more."""
        for each in self._waiting:
            match each:
                case Purchase():
                    self.questions.begin(each.key)
                    self.told.append(await self._game.play(each))
                case Order():
                    self.callbacks.extend(await self._payment_systems.pay(each))

    async def keep_asking(self) -> None:
        """Until it is cancelled."""
        await self.questions.keep_asking(PROTOCOLS, self._operators_side)

    async def ask_every_gateway(self) -> list[Asked]:
        """Each about every transfer that an operator has asked for during the play."""
        keys = sorted({asked.key for asked in self.questions.asked})
        gateways = [self._operators_side.to(url) for url in self._operators_urls]
        answers = await asyncio.gather(*(ask_until_told(gateway, keys) for gateway in gateways))
        return list(chain.from_iterable(answers))


async def _side_by_side(players: Players, misfortunes: Misfortunes, at_once: int, say: Callable[[str], None]) -> float:
    """Plays everything, so much side by side, while misfortunes happen. Returns how many seconds it took; by then all
    gateways and the database run again."""
    began = monotonic()
    async with asyncio.TaskGroup() as group:
        group.create_task(misfortunes.run())
        beside = [
            group.create_task(players.keep_asking()),
            group.create_task(_tell(players, misfortunes, say)),
        ]
        await asyncio.gather(*(players.play_one_after_another() for _ in range(at_once)))
        play_s = monotonic() - began
        for task in beside:
            task.cancel()
        misfortunes.over.set()
    return play_s


async def _tell(players: Players, misfortunes: Misfortunes, say: Callable[[str], None]) -> None:
    """Every now and then, how far the play is."""
    began = monotonic()
    while True:
        await asyncio.sleep(TELL_EVERY_S)
        done = ", ".join(f"{count} × {name}" for name, count in sorted(misfortunes.happened.items()))
        say(f"{monotonic() - began:4.0f} s: {len(players.told)} played, {len(players.callbacks)} callbacks; {done}")


async def _rest(stage: Cluster, journal: Journal) -> list[UnfinishedCount]:
    """Waits until nothing is open but what is parked, has that tried again at a healed operator, and waits once more.

    Returns what was parked. What is still open after `REST_S` is the audit's to tell.
    """
    await stage.heal(ACME, BETA)
    await _until_all_are(journal, State.PARKED)
    parked = await journal.count_unfinished(0.0)
    await stage.heal(STUBBORN)
    words = ("--all-parked", "--operator", STUBBORN, "--who", "chaos", "--why", "the operator is healed")
    status, said = await stage.instances[0].command("retry", *words)
    assert status == 0, said
    await _until_all_are(journal)
    return parked


async def _until_all_are(journal: Journal, *states: State) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(REST_S):
            while True:
                if all(tally.state in states for tally in await journal.count_unfinished(0.0)):
                    return
                await asyncio.sleep(LOOK_S)


async def _stop(stage: Cluster) -> None:
    """Everything but the database, in order."""
    for gateway in stage.instances:
        status = await gateway.stop()
        assert status == 0, f"a gateway stopped with status {status}"
    for operator in stage.operators:
        await operator.stop()


async def _evidence(
    stage: Cluster, journal: Journal, players: Players, parked: Sequence[UnfinishedCount], at_rest: Sequence[Asked]
) -> Evidence:
    everything = await _transfers(journal)
    return Evidence(
        told=players.told,
        ledgers={operator.name: operator.ledger() for operator in stage.operators},
        transfers={key: each for key, each in everything.items() if key.direction is not Direction.PAYMENT},
        reasons=await journal.list_reasons(ReasonFilter(), limit=PAGE * len(players.told)),
        parked=_by_operator(each for each in parked if each.direction is not Direction.PAYMENT),
        complaints=[complaint for gateway in stage.instances for complaint in _complaints(gateway)],
        around=Around(
            callbacks=players.callbacks,
            payments={key: each for key, each in everything.items() if key.direction is Direction.PAYMENT},
            shops=stage.shops,
            asked=players.questions.asked,
            at_rest=at_rest,
            parked=_by_operator(each for each in parked if each.direction is Direction.PAYMENT),
        ),
    )


def _by_operator(parked: Iterable[UnfinishedCount]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for each in parked:
        counts[each.operator] += each.count
    return counts


async def _transfers(journal: Journal) -> dict[Key, Transfer]:
    found: list[Transfer] = []
    after: Position | None = None
    while page := await journal.list_transfers(TransferFilter(), limit=PAGE, after=after):
        found += page
        after = position_of(page[-1])
    return {transfer.key: transfer for transfer in found}


def _complaints(gateway: GatewayProcess) -> Iterator[str]:
    """Errors in its log, and what is no log at all. A killed gateway may leave half a line."""
    for line in gateway.log.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if entry["level"] in {"error", "critical"} and entry["event"] not in EXPECTED_ERRORS:
            yield line
