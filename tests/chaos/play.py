"""The play: games and misfortunes until every transfer has been played, then calm, then the audit."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Final

import aiohttp
import msgspec

from gateway.journal.interface import Journal, ReasonFilter, TransferFilter
from gateway.records import Key, State, Transfer
from tests.chaos.audit import Check, Evidence, audit
from tests.chaos.cluster import Cluster, cluster
from tests.chaos.game import PATIENCE_S, Balancer, Game, Told
from tests.chaos.misfortunes import Misfortunes
from tests.chaos.plan import ACME, BETA, STUBBORN, Purchase, Sizes, purchases
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
    async with cluster(folder, sizes.instances) as stage:
        misfortunes = Misfortunes(stage, sizes)
        told, play_s = await _games(stage, sizes, misfortunes, say)
        calm_since = monotonic()
        journal = await stage.journal()
        try:
            parked = await _rest(stage, journal)
            rested_at = monotonic()
            await _stop(stage)
            evidence = await _evidence(stage, journal, told, parked)
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


async def _games(
    stage: Cluster, sizes: Sizes, misfortunes: Misfortunes, say: Callable[[str], None]
) -> tuple[list[Told], float]:
    """Plays every purchase, so many side by side, while misfortunes happen. Returns what the games were told, and how
    many seconds it took; by then all gateways and the database run again."""
    waiting = iter(purchases(sizes))
    told: list[Told] = []
    timeout = aiohttp.ClientTimeout(PATIENCE_S)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as client:
        urls = [partial(getattr, gateway, "wallet_url") for gateway in stage.instances]
        game = Game(Balancer(client, urls, random.Random(sizes.seed)))
        began = monotonic()
        async with asyncio.TaskGroup() as group:
            group.create_task(misfortunes.run())
            progress = group.create_task(_tell(told, misfortunes, say))
            await asyncio.gather(*(_one_after_another(game, waiting, told) for _ in range(sizes.at_once)))
            play_s = monotonic() - began
            progress.cancel()
            misfortunes.over.set()
    return told, play_s


async def _one_after_another(game: Game, waiting: Iterator[Purchase], told: list[Told]) -> None:
    for purchase in waiting:
        one = await game.play(purchase)
        told.append(one)


async def _tell(told: list[Told], misfortunes: Misfortunes, say: Callable[[str], None]) -> None:
    """Every now and then, how far the play is."""
    began = monotonic()
    while True:
        await asyncio.sleep(TELL_EVERY_S)
        done = ", ".join(f"{count} × {name}" for name, count in sorted(misfortunes.happened.items()))
        say(f"{monotonic() - began:4.0f} s: {len(told)} played; {done}")


async def _rest(stage: Cluster, journal: Journal) -> dict[str, int]:
    """Waits until nothing is open but what is parked, has that tried again at a healed operator, and waits once more.

    Returns how many were parked at which operator. What is still open after `REST_S` is the audit's to tell.
    """
    await stage.heal(ACME, BETA)
    await _until_all_are(journal, State.PARKED)
    parked: Counter[str] = Counter()
    for tally in await journal.count_unfinished(0.0):
        parked[tally.operator] += tally.count
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


async def _evidence(stage: Cluster, journal: Journal, told: Sequence[Told], parked: dict[str, int]) -> Evidence:
    return Evidence(
        told=told,
        ledgers={operator.name: operator.ledger() for operator in stage.operators},
        transfers=await _transfers(journal),
        reasons=await journal.list_reasons(ReasonFilter(), limit=PAGE * len(told)),
        parked=parked,
        complaints=[complaint for gateway in stage.instances for complaint in _complaints(gateway)],
    )


async def _transfers(journal: Journal) -> dict[Key, Transfer]:
    found: dict[Key, Transfer] = {}
    while page := await journal.list_transfers(TransferFilter(), limit=PAGE, offset=len(found)):
        found |= {transfer.key: transfer for transfer in page}
    return found


def _complaints(gateway: GatewayProcess) -> Iterator[str]:
    """Errors in its log, and what is no log at all. A killed gateway may leave half a line."""
    for line in gateway.log.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if entry["level"] in {"error", "critical"} and entry["event"] not in EXPECTED_ERRORS:
            yield line
