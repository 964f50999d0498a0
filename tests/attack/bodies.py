"""Attacks with bodies, mostly by who has one operator's credentials."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from tests.attack.target import Attacker
from tests.support.doors import request

MIB: Final = 2**20
LARGE: Final = 8 * MIB - 200
ROLLBACK: Final = "rollbackWithdrawal"
BEGIN: Final = b'{"token": "t", "mmTransactionId": "m-1", "rollbackReason": '
NESTED: Final = 100_000


async def brackets(attacker: Attacker) -> None:
    """Eight megabytes of brackets where the reason stands: thirty at once."""
    calls = [attacker.call(ROLLBACK, BEGIN + b"[" * half + b"]" * half + b"}") for half in (LARGE // 2,)] + [
        attacker.call(ROLLBACK, BEGIN + b"[],".join([b"[" + b"[]," * (LARGE // 3), b""]) + b"[]]}")
    ]

    async def one(number: int) -> None:
        async with attacker.connected(attacker.target.wallet) as client:
            await attacker.asked(client, calls[number % len(calls)])

    await attacker.abreast(30, one, pause_s=0.5)


def _odd_bodies() -> Iterator[bytes]:
    yield b"[" * NESTED
    yield b'{"a":' * (NESTED // 2)
    yield b"{" + b",".join(b'"k%d":0' % number for number in range(5000)) + b"}"
    yield b'{"token": "t", "mmTransactionId": "m", "amount": {"amount": ' + b"9" * 50_000 + b', "currencyCode": "XAG"}}'
    yield b'{"token": "t", "mmTransactionId": "m", "amount": {"amount": 1e999999999, "currencyCode": "XAG"}}'
    yield b'{"token": "' + b"\\u0000" * 8000 + b'"}'
    yield b'{"token": "' + b"\xff" * 30_000 + b'"}'
    yield b'{"token": "t", ' + b'"mmTransactionId": "m", ' * 2000 + b'"x": 1}'


async def odd_json(attacker: Attacker) -> None:
    bodies = [body[: 64 * 1024] for body in _odd_bodies()]

    async def one(number: int) -> None:
        async with attacker.connected(attacker.target.wallet) as client:
            for body in bodies:
                await attacker.asked(client, attacker.call("withdraw" if number % 2 else ROLLBACK, body))

    await attacker.abreast(4, one, pause_s=0.1)


async def large_reasons(attacker: Attacker) -> None:
    """Sixty at once."""
    call = attacker.call(ROLLBACK, BEGIN + b'"' + b"r" * LARGE + b'"}')

    async def one(_: int) -> None:
        async with attacker.connected(attacker.target.wallet) as client:
            await attacker.asked(client, call)

    await attacker.abreast(60, one, pause_s=1.0)


async def dripping_bodies(attacker: Attacker) -> None:
    """Bodies that stop after one megabyte, and go on by the byte."""
    head, _, body = attacker.call(ROLLBACK, BEGIN + b'"' + b"r" * LARGE + b'"}').partition(b"\r\n\r\n")

    async def one(_: int) -> None:
        async with attacker.connected(attacker.target.wallet) as client:
            client.writer.write(head + b"\r\n\r\n" + body[:MIB])
            await attacker.drip(client, iter([b"r"] * 1000))

    await attacker.abreast(60, one)


async def many_reasons(attacker: Attacker) -> None:
    async def one(number: int) -> None:
        async with attacker.connected(attacker.target.wallet) as client:
            for count in range(100):
                body = {"token": "t", "mmTransactionId": "m-1", "rollbackReason": f"{number} {count} " + "x" * 4000}
                await attacker.asked(client, attacker.call(ROLLBACK, json.dumps(body).encode()))

    await attacker.abreast(4, one)


async def strangers_bodies(attacker: Attacker) -> None:
    """They are told 401, and send on."""
    head = request("/wallet/rollbackWithdrawal", b"", "nobody:nothing").replace(
        b"Content-Length: 0", b"Content-Length: %d" % LARGE
    )

    async def one(number: int) -> None:
        async with attacker.connected(attacker.target.wallet, address=2 + number % 20) as client:
            client.writer.write(head + b"x" * 4 * MIB)
            await client.reader.read()
            attacker.tally["closed"] += 1

    await attacker.abreast(40, one, pause_s=0.2)
