"""One run of the demo: start everything, play the purchases, kill and restart the gateway, wait, and audit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

import aiohttp
import msgspec

from gateway.clock import SystemClock
from gateway.demo.around import LaunchResult, OperatorsSide, PaymentResult, orders
from gateway.demo.audit import Audit, Evidence, audit
from gateway.demo.audit_around import Around
from gateway.demo.game import CALL_TIMEOUT_S, Game, PurchaseResult
from gateway.demo.gateway import DemoError, DemoGateway
from gateway.demo.operators import DemoOperator, demo_operators, player_id
from gateway.demo.plan import Purchase, purchases
from gateway.demo.shop import Shop
from gateway.journal import open_journal
from gateway.journal.interface import Journal, Position, ReasonFilter, TransferFilter, position_of
from gateway.money import Money
from gateway.records import Direction, Key, KeyedReason, Timeline, Transfer
from gateway.settings import JournalSettings
from gateway.telemetry.metrics import Metrics

CONCURRENT_PURCHASES: Final = 24
"""How many purchases are played at the same time."""

OUTAGE_S: Final = 1.5
OUTAGE_FROM: Final = 0.25
"""One operator is down for `OUTAGE_S` once this share of the purchases has been played."""

POLL_S: Final = 0.05
SETTLE_TIMEOUT_S: Final = 60.0
"""How long after the last purchase every transfer must have ended."""

TIMEOUT_S: Final = 90.0
TIMEOUT_PER_PURCHASE_S: Final = 0.2

PAGE: Final = 1000


class Sizes(msgspec.Struct, frozen=True):
    """What is played, and how much: `protocols` are names of adapters, `players` have an account at every operator, the
    gateway is killed `kills` times."""

    protocols: tuple[str, ...]
    purchases: int
    players: int
    kills: int


class ProgressListener(Protocol):
    """Shows the progress of a run."""

    def report_event(self, text: str) -> None:
        """Something worth a line has happened."""

    def report_progress(self, done: int, failed: int) -> None:
        """`done` purchases have been played; the withdraw of `failed` of them failed."""

    def report_unfinished(self, unfinished: int) -> None:
        """All purchases have been played; this many transfers have not ended yet."""


class Demo(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a run: the audit, the reasons, and the folder with all files. `remarkable` is one transfer's
    timeline, to show."""

    operators: list[str]
    audit: Audit
    reasons: list[KeyedReason]
    remarkable: Timeline | None
    folder: Path


async def play(sizes: Sizes, folder: Path, listener: ProgressListener) -> Demo:
    """Runs the demo in this folder, which must be empty. Raises `DemoError`."""
    run = _Run(sizes, folder, listener)
    timeout_s = TIMEOUT_S + TIMEOUT_PER_PURCHASE_S * sizes.purchases
    try:
        async with asyncio.timeout(timeout_s):
            await run.open()
            results = await run.play()
            return await run.audit_results(results)
    except TimeoutError:
        raise DemoError(f"the demo did not finish within {timeout_s:.0f} s") from None
    finally:
        await run.close()


class _Run:
    """The operators, the gateway and the game of one run."""

    def __init__(self, sizes: Sizes, folder: Path, listener: ProgressListener) -> None:
        self._sizes = sizes
        self._listener = listener
        self._folder = folder
        self._operators = demo_operators(sizes.protocols, folder)
        self._gateway = DemoGateway(folder)
        self._shop = Shop()
        without_deposits = [name for name, operator in self._operators.items() if not operator.has_deposits]
        self._purchases = purchases(sizes.purchases, sizes.protocols, sizes.players, without_deposits)
        self._client = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(CALL_TIMEOUT_S))
        self._game = Game(self._client, lambda: self._gateway.wallet_url, self._operators)
        self._operators_side = OperatorsSide(self._client, lambda: self._gateway.operators_url)
        self._results: list[PurchaseResult] = []
        self._payments: list[PaymentResult] = []
        self._launches: list[LaunchResult] = []

    async def open(self) -> None:
        for operator in self._operators.values():
            operator.enrol(self._sizes.players)
            operator.plan_faults(self._purchases)
            await operator.open()
        self._listener.report_event(f"{len(self._operators)} operators serve: {', '.join(self._operators)}")
        await self._shop.open()
        self._gateway.configure(self._operators.values(), self._shop)
        self._listener.report_event(f"the gateway serves as process {await self._gateway.start()}")

    async def play(self) -> list[PurchaseResult]:
        """Plays every purchase, while one operator goes down and the gateway is killed."""
        waiting = iter(self._purchases)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(CONCURRENT_PURCHASES):
                    group.create_task(self._play_purchases(waiting))
                group.create_task(self._interrupt_one_operator())
                group.create_task(self._kill_gateway())
                for operator in self._operators.values():
                    group.create_task(self._launch(operator))
                    group.create_task(self._pay(operator))
        except* DemoError as errors:
            raise DemoError(str(errors.exceptions[0])) from errors
        self._listener.report_event("all purchases have been played")
        return self._results

    async def audit_results(self, results: Sequence[PurchaseResult]) -> Demo:
        """Waits until every transfer has ended, asks for every balance, stops the gateway, and compares."""
        journal = await self._open_journal()
        try:
            await self._wait_until_settled(journal)
            balances = await self._ask_balances()  # while the gateway still runs: it answers them
            transfers = {each.key: each for each in await _all_transfers(journal)}
            final_states = await self._ask_final_states(transfers)
            status = await self._gateway.stop()
            self._listener.report_event(f"the gateway was asked to stop, and ended with status {status}")
            evidence = Evidence(
                results=results,
                ledgers={name: operator.ledger for name, operator in self._operators.items()},
                transfers={key: each for key, each in transfers.items() if key.direction is not Direction.PAYMENT},
                reasons=await journal.list_reasons(ReasonFilter(), limit=PAGE * len(results)),
                balances=balances,
                around=Around(
                    launches=self._launches,
                    payments=self._payments,
                    paid={key: each for key, each in transfers.items() if key.direction is Direction.PAYMENT},
                    notices=self._shop.bodies,
                    goods=self._shop.goods,
                    final_states=final_states,
                ),
            )
            return Demo(
                operators=list(self._operators),
                audit=audit(evidence),
                reasons=list(evidence.reasons),
                remarkable=await _find_remarkable(journal, evidence),
                folder=self._folder,
            )
        finally:
            await journal.close()

    async def close(self) -> None:
        await self._gateway.kill()
        await self._client.close()
        await self._shop.close()
        for operator in self._operators.values():
            await operator.close()

    async def _play_purchases(self, waiting: Iterator[Purchase]) -> None:
        for purchase in waiting:
            self._record(await self._game.play(purchase))

    async def _launch(self, operator: DemoOperator) -> None:
        for player in range(1, self._sizes.players + 1):
            self._launches.append(await self._operators_side.launch(operator, player))

    async def _pay(self, operator: DemoOperator) -> None:
        for order in orders(operator.name, self._sizes.players):
            self._payments.append(await self._operators_side.pay(operator, order))

    async def _ask_final_states(self, transfers: Iterable[Key]) -> dict[Key, str]:
        """What each operator is told how its transfers have ended."""
        told = {}
        for key in transfers:
            if key.direction is not Direction.PAYMENT:
                operator = self._operators[key.operator]
                answer = await self._operators_side.final_state(operator, key.direction, key.id)
                told[key] = str(answer["state"])
        return told

    def _record(self, result: PurchaseResult) -> None:
        self._results.append(result)
        self._listener.report_progress(len(self._results), sum(not each.held for each in self._results))

    async def _interrupt_one_operator(self) -> None:
        operator = list(self._operators.values())[-1]
        await self._wait_until_played(OUTAGE_FROM)
        await operator.stop_listening()
        self._listener.report_event(f"{operator.name} goes away: its connections are cut, new ones refused")
        await asyncio.sleep(OUTAGE_S)
        await operator.open()
        self._listener.report_event(f"{operator.name} is back")

    async def _kill_gateway(self) -> None:
        """Kills and restarts the gateway, spread evenly over the run, each time while a withdraw is in progress."""
        for number in range(1, self._sizes.kills + 1):
            await self._wait_until_played(number / (self._sizes.kills + 1))
            # A kill between two calls would prove little: the gateway must lose an answer. In a short demo there may be
            # none left to lose (test_a_demo_too_short_for_a_kill_in_a_withdraw_ends_all_the_same).
            await _wait_until(lambda: self._game.holds_in_progress.total() > 0 or self._all_are_played())
            in_progress = self._game.holds_in_progress.total()
            await self._gateway.kill()
            self._listener.report_event(f"kill -9: the gateway is dead, {in_progress} withdraws were on their way")
            self._listener.report_event(f"the gateway serves again as process {await self._gateway.start()}")

    def _all_are_played(self) -> bool:
        return len(self._results) == len(self._purchases)

    async def _wait_until_played(self, part: float) -> None:
        await _wait_until(lambda: len(self._results) >= part * len(self._purchases))

    async def _wait_until_settled(self, journal: Journal) -> None:
        """Returns once every transfer has ended, or after `SETTLE_TIMEOUT_S`: the audit then names the open ones."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_TIMEOUT_S):
                while tallies := await journal.count_unfinished(0.0):
                    self._listener.report_unfinished(sum(tally.count for tally in tallies))
                    await asyncio.sleep(POLL_S)

    async def _ask_balances(self) -> dict[tuple[str, str], Money]:
        return {
            (operator.name, player_id(player)): await self._game.balance(operator, player)
            for operator in self._operators.values()
            for player in range(1, self._sizes.players + 1)
        }

    async def _open_journal(self) -> Journal:
        """Opens the journal a second time, beside the running gateway."""
        settings = JournalSettings(url=f"sqlite:///{self._gateway.journal_file}")
        return await open_journal("default", settings, Metrics(), SystemClock(), beside=True)


async def _wait_until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - no event says when
        await asyncio.sleep(POLL_S)


async def _all_transfers(journal: Journal) -> list[Transfer]:
    found: list[Transfer] = []
    after: Position | None = None
    while page := await journal.list_transfers(TransferFilter(), limit=PAGE, after=after):
        found += page
        after = position_of(page[-1])
    return found


async def _find_remarkable(journal: Journal, evidence: Evidence) -> Timeline | None:
    """The transfer with the most tries, of those that a kill interrupted; of all, if there are none."""
    interrupted = {each.key for each in evidence.reasons if "interrupted" in each.reason.text}
    keys = interrupted or evidence.transfers.keys()
    key = max(keys, key=lambda key: evidence.transfers[key].tries, default=None)
    return None if key is None else await journal.timeline(key)
