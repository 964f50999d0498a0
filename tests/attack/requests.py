"""Attacks with what is not HTTP, or only just."""

from __future__ import annotations

from typing import Final

from tests.attack.target import Attacker
from tests.support.doors import request

BODY: Final = b'{"token": "nobody"}'
OLD: Final = b"Content-Length: %d\r\n" % len(BODY)
CHUNKED: Final = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)


def variants(call: bytes) -> list[bytes]:
    """One good call, made ambiguous in every way that proxies have disagreed on."""
    head, _, _ = call.partition(b"\r\n\r\n")

    def framed(fields: bytes, body: bytes) -> bytes:
        return head.replace(OLD.rstrip(), fields) + b"\r\n\r\n" + body

    return [
        framed(b"Content-Length: 5\r\nContent-Length: 19", BODY),
        framed(b"Content-Length: 19, 19", BODY),
        framed(b"Content-Length: +19", BODY),
        framed(b"Content-Length: 0x13", BODY),
        framed(OLD + b"Transfer-Encoding: chunked", CHUNKED),
        framed(b"Transfer-Encoding: gzip, chunked", CHUNKED),
        framed(b"Transfer-Encoding: chunked, chunked", CHUNKED),
        framed(b"Transfer-Encoding: xchunked", CHUNKED),
        framed(b"Transfer-Encoding : chunked", CHUNKED),
        framed(b"Transfer-Encoding: chunked\r\n folded", CHUNKED),
        framed(b"Transfer-Encoding: chunked", b"-1\r\n"),
        framed(b"Transfer-Encoding: chunked", b"ffffffffffffffffff\r\n"),
        framed(b"Transfer-Encoding: chunked", CHUNKED).replace(b"HTTP/1.1", b"HTTP/1.0"),
        call.replace(b"Authorization:", b"Authorization: Basic eA==\r\nAuthorization:"),
        call.replace(b"\r\n", b"\n"),
        call.replace(b"POST ", b"POST  "),
        call.replace(b"HTTP/1.1", b"HTTP/2.0"),
        call.replace(b"Host:", b"Host: a\r\nHost:"),
        b"\x16\x03\x01\x02\x00\x01" + call,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: a\r\n\r\n",
    ]


async def malformed(attacker: Attacker) -> None:
    calls = variants(attacker.call("getBalance", BODY))

    async def one(number: int) -> None:
        async with attacker.connected(attacker.target.wallet, address=2 + number) as client:
            client.writer.write(calls[attacker.tally.total() % len(calls)])
            answer = await client.reader.read(12)
            attacker.tally[answer[9:12].decode() or "closed"] += 1

    await attacker.abreast(8, one, pause_s=0.01)


async def endless_chunks(attacker: Attacker) -> None:
    call = attacker.call("rollbackWithdrawal", BODY)
    head = call.partition(b"\r\n\r\n")[0].replace(OLD.rstrip(), b"Transfer-Encoding: chunked") + b"\r\n\r\n"

    async def one(number: int) -> None:
        async with attacker.connected(attacker.target.wallet, address=2 + number) as client:
            client.writer.write(head)
            extension = b"1;" + b"x" * 60_000
            small = b"1\r\nx\r\n" * 10_000
            await attacker.drip(client, iter([extension if number % 2 else small] * 100), pause_s=0.02)

    await attacker.abreast(8, one, pause_s=0.1)


async def odd_targets(attacker: Attacker) -> None:
    targets = [
        "/",
        "/wallet/" + "a" * 4000,
        "/operators/" + "%2e%2e/" * 500 + "wallet/withdraw",
        "//wallet/withdraw",
        "/operators/nobody/wallet/withdraw",
        "/wallet/withdraw?" + "a=b&" * 1500,
        "http://other.example/wallet/withdraw",
    ]

    async def one(number: int) -> None:
        async with attacker.connected(attacker.target.wallet, address=2 + number) as client:
            for target in targets:
                await attacker.asked(client, request(target, BODY, "nobody:nothing"))

    await attacker.abreast(4, one, pause_s=0.05)
