"""A gateway under a limit of memory, games of honest operators that buy at a steady rate, and one attack at a time."""

from __future__ import annotations

import asyncio
import itertools
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import msgspec
from argon2 import PasswordHasher

from gateway.journal.interface import TransferFilter
from gateway.records import CLAIMABLE, State
from tests.attack import limited
from tests.attack.limited import FILES, MEMORY
from tests.attack.target import HOSTILE, PASSWORD, Target
from tests.support.auditing import gathered, timelines, violations
from tests.support.certificates import Authority
from tests.support.far_operators import PASSWORD as HONEST_PASSWORD
from tests.support.far_operators import FarOperators
from tests.support.gateway_process import GatewayProcess
from tests.support.journal_places import SqliteFile, looked_into
from tests.support.playing import Game, Told
from tests.support.ports import free_port
from tests.support.stage import open_shop, payments_of

MIB: Final = 2**20
MEMORY_LIMIT: Final = 512 * MIB
"""What compose gives a gateway; the unit gives it twice as much."""

OPEN_FILES: Final = 1024
"""What a login shell gives a process. The unit gives it 65,536."""

RATE: Final = 10.0
"""Purchases a second of the honest games."""

FINISH_S: Final = 60.0
GATEWAY: Final = (sys.executable, str(Path(limited.__file__)))
ATTACKER: Final = (sys.executable, "-m", "tests.attack.attacker")


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an attack. `peak_mib` is the most memory that the gateway had meanwhile, `p99_ms` how long the calls
    of the honest games took meanwhile, `refused` those that were refused, `tally` what the attacker saw."""

    name: str
    calls: int
    refused: dict[str, int]
    p99_ms: float
    peak_mib: float
    tally: dict[str, int]


class Campaign:
    """A gateway in its surroundings, to attack again and again. Each attack takes `seconds`."""

    def __init__(self, gateway: GatewayProcess, game: Game, operators: FarOperators, store: SqliteFile) -> None:
        self.gateway = gateway
        self._game = game
        self._operators = operators
        self._store = store
        self._names = itertools.cycle(operators)

    async def attack(self, name: str, seconds: float) -> Result:
        """Plays an attack beside the honest games."""
        gateway = self.gateway
        target = Target(gateway.wallet_url, gateway.operators_url, gateway.admin_url, seconds)
        _forget_peak(gateway.pid)
        words = (name, msgspec.json.encode(target).decode())
        process = await asyncio.create_subprocess_exec(*ATTACKER, *words, stdout=asyncio.subprocess.PIPE)
        told, (tally, _) = await asyncio.gather(self._play(seconds), process.communicate())
        if process.returncode != 0:
            raise AssertionError(f"the attacker itself failed at {name!r}: status {process.returncode}")
        return self._result(name, told, msgspec.json.decode(tally, type=dict[str, int]))

    async def rest(self, seconds: float) -> Result:
        """The honest games alone: what their calls usually take."""
        return self._result("nobody", await self._play(seconds), {})

    async def problems(self) -> list[str]:
        """Lets everything end. Returns what is lost, doubled or unfinished."""
        left = await self._game.finish(FINISH_S)
        problems = [f"the game could not finish {purchase.id}: {purchase.wants}" for purchase in left]
        async with looked_into(self._store) as journal:
            with suppress(TimeoutError):
                async with asyncio.timeout(FINISH_S):
                    while await journal.list_transfers(TransferFilter(states=(*CLAIMABLE, State.PARKED)), limit=1):
                        await asyncio.sleep(0.1)
            rows = {key: each for key, each in (await timelines(journal)).items() if key.operator != HOSTILE}
        return problems + violations(gathered(rows, [self._game], self._operators, set()))

    async def _play(self, seconds: float) -> list[Told]:
        """The calls of the honest games in so many seconds."""
        game, begun = self._game, time.monotonic()
        first, playing = len(game.told), set[asyncio.Task[None]]()
        while (passed := time.monotonic() - begun) < seconds:
            while len(playing) < passed * RATE:
                playing.add(asyncio.create_task(game.play(game.purchase(next(self._names)))))
            await asyncio.sleep(1 / RATE)
        await asyncio.gather(*playing)
        return game.told[first:]

    def _result(self, name: str, told: list[Told], tally: dict[str, int]) -> Result:
        took_ms = sorted(1000 * each.took_s for each in told)
        return Result(
            name=name,
            calls=len(told),
            refused=dict(Counter(f"{each.status} {each.body}" for each in told if not each.ok)),
            p99_ms=took_ms[int(len(took_ms) * 0.99)],
            peak_mib=_peak_mib(self.gateway.pid),
            tally=tally,
        )


@asynccontextmanager
async def campaign(folder: Path) -> AsyncIterator[Campaign]:
    """A gateway with the default limits and little memory, honest operators, and a hostile one."""
    store, chance, port = SqliteFile(folder), random.Random(1), free_port()
    hostile = await asyncio.create_subprocess_exec(*ATTACKER, "serve", str(port))
    try:
        async with FarOperators(folder, chance) as operators, open_shop() as shop:
            honest = {name: operator.settings(credentials=_hashed(name)) for name, operator in operators.items()}
            honest["acme"] |= payments_of(shop)
            config = {
                "operators_server": {"host": "127.0.0.1", "port": 0, "tls": _tls(folder)},
                "journal": {"url": store.url},
                "log": {"level": "error"},
                "operators": {**honest, HOSTILE: _hostile(port)},
            }
            env = {MEMORY: str(MEMORY_LIMIT), FILES: str(OPEN_FILES)}
            async with GatewayProcess(config, folder, env, GATEWAY) as gateway:
                game = Game(lambda: gateway.wallet_url, operators, chance)
                try:
                    yield Campaign(gateway, game, operators, store)
                finally:
                    await game.close()
    finally:
        hostile.kill()
        await hostile.wait()


def _hashed(name: str) -> list[dict[str, str]]:
    return [{"username": name, "password_hash": PasswordHasher().hash(HONEST_PASSWORD)}]


def _hostile(port: int) -> dict[str, Any]:
    settings = {"base_url": f"http://127.0.0.1:{port}/wallet/", "username": "mm", "password": "the gateway's own"}
    credentials = [{"username": HOSTILE, "password": PASSWORD}]
    return {"adapter": "quantum", "settings": settings, "credentials": credentials}


def _tls(folder: Path) -> dict[str, str]:
    file = str(Authority(folder, "authority").certificate("127.0.0.1"))
    return {"cert_file": file, "key_file": file}


def _forget_peak(pid: int) -> None:
    # https://docs.kernel.org/filesystems/proc.html: 5 sets the peak of the resident memory back to what it is now.
    Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")


def _peak_mib(pid: int) -> float:
    """The most memory that a process has had resident, since the last `_forget_peak`."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(peak) * 1024 / MIB
