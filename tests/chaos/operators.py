"""The operators: `mm-gateway sandbox`, each in a process of its own with its books in a file."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec

from gateway.sandbox.faults import Fault, FaultRule
from gateway.sandbox.ledger import Ledger
from gateway.sandbox.simulated import Unknown
from gateway.sandbox.stores import FileStore
from tests.chaos.plan import END_CALLS, HOLD_CALLS, OPENED_WITH, PLAYERS, STUBBORN

START_S: Final = 30.0
HOLD_CHANCE: Final = 0.012
END_CHANCE: Final = 0.012
DELAY_S: Final = 0.3
"""Under the operators' timeout: late, but in time."""


class OperatorProcess:
    """A simulated operator. `settings` are what its adapter needs to reach it."""

    def __init__(self, name: str, protocol: str, folder: Path, unknown_rollback: Unknown | None = None) -> None:
        self.name = name
        self.protocol = protocol
        self.ledger_file = folder / f"{name}.ledger"
        self.settings: dict[str, Any] = {}
        self._url = ""
        self._options = () if unknown_rollback is None else ("--unknown-rollback", str(unknown_rollback))
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Returns once it accepts connections."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway.cli", "sandbox", self.protocol, "--port", "0",
            "--ledger", str(self.ledger_file), "--players", str(PLAYERS), "--balance", str(OPENED_WITH),
            *self._options, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert self._process.stdout is not None
        async with asyncio.timeout(START_S):
            where = (await self._process.stdout.readline()).decode()
            settings = (await self._process.stdout.readline()).decode()
        self._url = where.split()[-1]
        self.settings = json.loads(settings.partition(": ")[2])

    async def switch(self, rules: Iterable[FaultRule]) -> None:
        """These faults from now on, and no others."""
        body = msgspec.json.encode(list(rules))
        async with aiohttp.ClientSession() as client, client.put(f"{self._url}/_sandbox/faults", data=body) as answer:
            assert answer.status == 200, await answer.text()

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()

    def ledger(self) -> Ledger:
        """Its books, once it has stopped."""
        return Ledger(FileStore(self.ledger_file))


def faults_of(operator: str) -> list[FaultRule]:
    """Everything that can go wrong at a withdraw, and at its end; for the stubborn one, the end itself."""
    if operator == STUBBORN:
        return [FaultRule(fault=Fault.DECLINE, calls=tuple(END_CALLS.values()))]
    at_hold = [_rule(fault, tuple(HOLD_CALLS.values()), HOLD_CHANCE) for fault in Fault]
    at_end = [_rule(fault, tuple(END_CALLS.values()), END_CHANCE) for fault in Fault if fault is not Fault.LATE]
    return [*at_hold, *at_end]


def _rule(fault: Fault, calls: tuple[Any, ...], chance: float) -> FaultRule:
    return FaultRule(fault=fault, calls=calls, chance=chance, delay_s=DELAY_S)
