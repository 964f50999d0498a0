"""The play: everything is started, goes wrong, is killed, comes back, and comes to rest."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

import aiohttp
import msgspec

from gateway.clock import SystemClock
from gateway.demo.audit import Audit, Evidence, audit
from gateway.demo.game import PATIENCE_S, Game, Played
from gateway.demo.gateway import DemoError, DemoGateway
from gateway.demo.operators import all_operators, player_id
from gateway.demo.plan import Purchase, purchases
from gateway.journal import open_journal
from gateway.journal.interface import Journal, ReasonFilter, TransferFilter
from gateway.money import Money
from gateway.records import KeyedReason, Timeline, Transfer
from gateway.settings import JournalSettings
from gateway.telemetry.metrics import Metrics

AT_ONCE: Final = 24
"""Purchases that are under way side by side."""

AWAY_S: Final = 1.5
AWAY_FROM: Final = 0.25
"""One operator stays away for a while once this part of the purchases has been played."""

LOOK_S: Final = 0.05
REST_S: Final = 60.0
"""How long after the last purchase everything must have come to its end."""

LONGEST_S: Final = 90.0
LONGEST_PER_PURCHASE_S: Final = 0.2

PAGE: Final = 1000


class Sizes(msgspec.Struct, frozen=True):
    """How much is played: `players` have an account at every operator, `kills` are the gateway's deaths."""

    purchases: int
    players: int
    kills: int


class ProgressListener(Protocol):
    """Who looks on."""

    def happened(self, text: str) -> None:
        """Something worth a line has happened."""

    def progressed(self, done: int, failed: int) -> None:
        """So many purchases have been played; at so many the withdraw failed."""

    def waits(self, unfinished: int) -> None:
        """All have been played; so many transfers have yet to come to their end."""


class Demo(msgspec.Struct, frozen=True, kw_only=True):
    """A demo that has been played: what the books say, and where they are. `remarkable` is one transfer's story."""

    operators: list[str]
    audit: Audit
    reasons: list[KeyedReason]
    remarkable: Timeline | None
    folder: Path


async def play(sizes: Sizes, folder: Path, watcher: ProgressListener) -> Demo:
    """Plays it all in this folder, which is empty. Raises `DemoError`."""
    stage = _Stage(sizes, folder, watcher)
    longest_s = LONGEST_S + LONGEST_PER_PURCHASE_S * sizes.purchases
    try:
        async with asyncio.timeout(longest_s):
            await stage.open()
            played = await stage.play()
            return await stage.audited(played)
    except TimeoutError:
        raise DemoError(f"it did not come to its end within {longest_s:.0f} s") from None
    finally:
        await stage.close()


class _Stage:
    """The operators, the gateway and the game, while they play."""

    def __init__(self, sizes: Sizes, folder: Path, watcher: ProgressListener) -> None:
        self._sizes = sizes
        self._watcher = watcher
        self._folder = folder
        self._operators = all_operators(folder)
        self._gateway = DemoGateway(folder)
        self._planned = purchases(sizes.purchases, list(self._operators), sizes.players)
        self._client = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(PATIENCE_S))
        self._game = Game(self._client, lambda: self._gateway.wallet_url, self._operators)
        self._played: list[Played] = []

    async def open(self) -> None:
        for operator in self._operators.values():
            operator.enrol(self._sizes.players)
            operator.expect(self._planned)
            await operator.open()
        self._watcher.happened(f"{len(self._operators)} operators serve: {', '.join(self._operators)}")
        self._gateway.configure(self._operators.values())
        self._watcher.happened(f"the gateway serves as process {await self._gateway.start()}")

    async def play(self) -> list[Played]:
        """Plays every purchase, while misfortunes happen."""
        waiting = iter(self._planned)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(AT_ONCE):
                    group.create_task(self._one_after_another(waiting))
                group.create_task(self._one_operator_goes_away())
                group.create_task(self._kills())
        except* DemoError as errors:
            raise DemoError(str(errors.exceptions[0])) from errors
        self._watcher.happened("all purchases have been played")
        return self._played

    async def audited(self, played: Sequence[Played]) -> Demo:
        """Waits until nothing is open, asks for every balance, stops the gateway, and compares."""
        journal = await self._journal()
        try:
            await self._rest(journal)
            told = await self._balances()
            status = await self._gateway.stop()
            self._watcher.happened(f"the gateway was asked to stop, and ended with status {status}")
            evidence = Evidence(
                played=played,
                ledgers={name: operator.ledger for name, operator in self._operators.items()},
                transfers={each.key: each for each in await _all_transfers(journal)},
                reasons=await journal.list_reasons(ReasonFilter(), limit=PAGE * len(played)),
                told=told,
            )
            return Demo(
                operators=list(self._operators),
                audit=audit(evidence),
                reasons=list(evidence.reasons),
                remarkable=await _remarkable(journal, evidence),
                folder=self._folder,
            )
        finally:
            await journal.close()

    async def close(self) -> None:
        await self._gateway.kill()
        await self._client.close()
        for operator in self._operators.values():
            await operator.close()

    async def _one_after_another(self, waiting: Iterator[Purchase]) -> None:
        for purchase in waiting:
            self._note(await self._game.play(purchase))

    def _note(self, played: Played) -> None:
        self._played.append(played)
        self._watcher.progressed(len(self._played), sum(not each.held for each in self._played))

    async def _one_operator_goes_away(self) -> None:
        operator = list(self._operators.values())[-1]
        await self._until_played(AWAY_FROM)
        await operator.leave()
        self._watcher.happened(f"{operator.name} goes away: its connections are cut, new ones refused")
        await asyncio.sleep(AWAY_S)
        await operator.open()
        self._watcher.happened(f"{operator.name} is back")

    async def _kills(self) -> None:
        """Spread evenly, each while a withdraw is on its way."""
        for number in range(1, self._sizes.kills + 1):
            await self._until_played(number / (self._sizes.kills + 1))
            await _until(lambda: self._game.holding.total() > 0)
            in_flight = self._game.holding.total()
            await self._gateway.kill()
            self._watcher.happened(f"kill -9: the gateway is dead, {in_flight} withdraws were on their way")
            self._watcher.happened(f"the gateway serves again as process {await self._gateway.start()}")

    async def _until_played(self, part: float) -> None:
        await _until(lambda: len(self._played) >= part * len(self._planned))

    async def _rest(self, journal: Journal) -> None:
        """Returns once every transfer has ended, or when that takes too long: the audit then tells what is open."""
        with suppress(TimeoutError):
            async with asyncio.timeout(REST_S):
                while tallies := await journal.count_unfinished(0.0):
                    self._watcher.waits(sum(tally.count for tally in tallies))
                    await asyncio.sleep(LOOK_S)

    async def _balances(self) -> dict[tuple[str, str], Money]:
        return {
            (operator.name, player_id(player)): await self._game.balance(operator, player)
            for operator in self._operators.values()
            for player in range(1, self._sizes.players + 1)
        }

    async def _journal(self) -> Journal:
        """A second look at the journal, beside the gateway's own."""
        settings = JournalSettings(url=f"sqlite:///{self._gateway.journal_file}")
        return await open_journal("default", settings, Metrics(), SystemClock(), beside=True)


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - a play tells nobody how far it is
        await asyncio.sleep(LOOK_S)


async def _all_transfers(journal: Journal) -> list[Transfer]:
    found: list[Transfer] = []
    while page := await journal.list_transfers(TransferFilter(), limit=PAGE, offset=len(found)):
        found += page
    return found


async def _remarkable(journal: Journal, evidence: Evidence) -> Timeline | None:
    """Of the transfers that the gateway's death interrupted, the one that was tried most often; else of all."""
    interrupted = {each.key for each in evidence.reasons if "interrupted" in each.reason.text}
    keys = interrupted or evidence.transfers.keys()
    key = max(keys, key=lambda key: evidence.transfers[key].tries, default=None)
    return None if key is None else await journal.timeline(key)
