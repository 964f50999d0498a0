"""Attacks by an operator: its own game asks, and its own servers answer with more than anybody should keep."""

from __future__ import annotations

import json
import secrets
from typing import Final

from tests.attack.hostile_operator import ODD
from tests.attack.target import Attacker


async def _ask(attacker: Attacker, number: int, token: str) -> None:
    async with attacker.connected(attacker.target.wallet, address=2 + number) as client:
        for call in ("verifySession", "getBalance"):
            await attacker.asked(client, attacker.call(call, json.dumps({"token": token}).encode()))


async def long_ids(attacker: Attacker) -> None:
    await attacker.abreast(8, lambda number: _ask(attacker, number, f"long-{secrets.token_hex(8)}"))


async def odd_answers(attacker: Attacker) -> None:
    names: Final = sorted(ODD)

    async def one(number: int) -> None:
        name = names[attacker.tally.total() % len(names)]
        await _ask(attacker, number, f"{name}-{secrets.token_hex(4)}")

    await attacker.abreast(8, one, pause_s=0.02)


async def ever_new_sessions(attacker: Attacker) -> None:
    await attacker.abreast(4, lambda number: _ask(attacker, number, f"plain-{secrets.token_hex(200)}"))
