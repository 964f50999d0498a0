"""Attacks by guessing: passwords, tokens, signatures."""

from __future__ import annotations

import asyncio
import json
import secrets
import ssl
import time
from typing import Final

from tests.attack.target import FIRST_ADDRESS, HOSTILE, Attacker
from tests.support.doors import request

ADDRESSES: Final = 30
VICTIM: Final = "acme"
BODY: Final = b'{"token": "nobody"}'


def trusting() -> ssl.SSLContext:
    """TLS of somebody who does not care whose certificate it is."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def passwords(attacker: Attacker) -> None:
    """Each wrong one costs the gateway an Argon2: from thirty addresses, two connections each."""

    async def one(number: int) -> None:
        async with attacker.connected(attacker.target.wallet, address=FIRST_ADDRESS + number % ADDRESSES) as client:
            for _ in range(10):
                await attacker.asked(client, attacker.call("getBalance", BODY, f"{VICTIM}:{secrets.token_hex(8)}"))

    await attacker.abreast(2 * ADDRESSES, one)


async def many_from_one(attacker: Attacker) -> None:
    async def one(_: int) -> None:
        async with attacker.connected(attacker.target.wallet) as client:
            for _ in range(100):
                await attacker.asked(client, attacker.call("getBalance", BODY, f"{HOSTILE}:{secrets.token_hex(8)}"))

    await attacker.abreast(8, one)


async def tokens(attacker: Attacker) -> None:
    tls = trusting()

    async def one(number: int) -> None:
        bearer = f"Authorization: Bearer {secrets.token_hex(8)}\r\n".encode()
        if number % 2:
            async with attacker.connected(attacker.target.operators, tls=tls) as client:
                call = request(f"/operators/{VICTIM}/payment/queryWithdrawal", b'{"mmTransactionId": "m"}', None)
                for _ in range(20):
                    await attacker.asked(client, call.replace(b"\r\n\r\n", b"\r\n" + bearer + b"\r\n", 1))
        else:
            async with attacker.connected(attacker.target.admin) as client:
                for _ in range(20):
                    call = b"GET /metrics HTTP/1.1\r\nHost: gateway.example\r\n" + bearer + b"\r\n"
                    await attacker.asked(client, call)

    await attacker.abreast(8, one, pause_s=0.05)


async def forged_payments(attacker: Attacker) -> None:
    tls = trusting()

    async def one(number: int) -> None:
        callback = {
            "uid": "p",
            "serverId": 1,
            "cpOrderId": secrets.token_hex(8),
            "productId": "gems",
            "productPrice": 1,
            "extParams": "",
            "ts": int(time.time() * 1000),
            "sign": secrets.token_hex(16).upper(),
        }
        path = "/pay/quantum" if number % 2 else f"/operators/{VICTIM}/pay/quantum"
        async with attacker.connected(attacker.target.operators, tls=tls) as client:
            for _ in range(20):
                await attacker.asked(client, request(path, json.dumps(callback).encode(), None))
        await asyncio.sleep(0.02)

    await attacker.abreast(8, one)
