"""The ways in which an operator can fail a withdraw, on the wire, and what is well otherwise."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Final

from tests.support.rude_operator import Behaviour, Line, RudeOperator

CHUNK: Final = 64 * 1024
HUGE: Final = 64 * 1024 * 1024
WITHDRAW: Final = b"POST /wallet/withdraw HTTP/1.1\r\n"

Reaction = Callable[[Line, bytes], Awaitable[None]]
"""What the operator does once it has read a withdraw; when it returns, the operator reads the next request."""


def answered(status: str, body: bytes = b"", *headers: str) -> Reaction:
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""])

    async def react(line: Line, _: bytes) -> None:
        await line.send(head.encode() + body)

    return react


def raw(data: bytes, then: Callable[[Line], Awaitable[None]] | None = None) -> Reaction:
    async def react(line: Line, _: bytes) -> None:
        await line.send(data)
        if then is not None:
            await then(line)

    return react


async def close(line: Line) -> None:
    line.close()
    await line.client_is_gone()


async def stall(line: Line) -> None:
    await line.client_is_gone()


async def reset(line: Line, _: bytes) -> None:
    line.reset()
    await line.client_is_gone()


async def hang_up(line: Line, _: bytes) -> None:
    await close(line)


async def hang(line: Line, _: bytes) -> None:
    await stall(line)


async def huge(line: Line, _: bytes) -> None:
    await line.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % HUGE)
    for _chunk in range(HUGE // CHUNK):
        await line.send(b" " * CHUNK)


async def endless_body(line: Line, _: bytes) -> None:
    await line.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        await line.send(b"%x\r\n%s\r\n" % (CHUNK, b" " * CHUNK))
        await asyncio.sleep(0)


async def endless_head(line: Line, _: bytes) -> None:
    await line.send(b"HTTP/1.1 200 OK\r\n")
    while True:
        await line.send(b"X-Filler: %s\r\n" % (b"x" * 1000) * 64)
        await asyncio.sleep(0)


async def other_id(line: Line, request: bytes) -> None:
    await line.send(success(request.replace(b'"mmTransactionId":"', b'"mmTransactionId":"not-')))


async def half(line: Line, request: bytes) -> None:
    whole = success(request)
    await line.send(whole[: len(whole) - 20])
    await close(line)


async def half_then_stalled(line: Line, request: bytes) -> None:
    whole = success(request)
    await line.send(whole[: len(whole) - 20])
    await stall(line)


def success(request: bytes) -> bytes:
    """The answer of an operator that does what it is asked."""
    id = json.loads(request.partition(b"\r\n\r\n")[2]).get("mmTransactionId", "")
    body = json.dumps({"mmTransactionId": id, "balance": {"amount": 90, "currencyCode": "XAG"}}).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def redirect(status: str) -> Reaction:
    """To the very address that a withdraw is for: who follows it, withdraws twice."""
    return answered(status, b"", "Location: /wallet/withdraw")


WRONG: Final = b'{"mmTransactionId": "x", "balance": {"amount": [90], "currencyCode": 1}}'

FAILURES: Final[dict[str, Reaction]] = {
    "reset after it was read": reset,
    "closed after it was read": hang_up,
    "hang": hang,
    "head and no body": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n", close),
    "half an answer": half,
    "half an answer, then silence": half_then_stalled,
    "empty": answered("200 OK"),
    "not JSON": answered("200 OK", b"<html><body>It works!</body></html>"),
    "not HTTP": raw(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "wrong types": answered("200 OK", WRONG),
    "a JSON array": answered("200 OK", b"[]"),
    "another id": other_id,
    "only an interim answer": raw(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "compressed": answered("200 OK", b"\x1f\x8b", "Content-Encoding: gzip"),
    "huge body": huge,
    "endless body": endless_body,
    "endless head": endless_head,
    "301": redirect("301 Moved Permanently"),
    "302": redirect("302 Found"),
    "307": redirect("307 Temporary Redirect"),
    "308": redirect("308 Permanent Redirect"),
    "400": answered("400 Bad Request"),
    "401": answered("401 Unauthorized", b"", "WWW-Authenticate: Basic"),
    "404": answered("404 Not Found"),
    "408": answered("408 Request Timeout", b"", "Connection: close"),
    "429": answered("429 Too Many Requests", b"", "Retry-After: 0"),
    "500": answered("500 Internal Server Error", b'{"errorCode": 100, "errorDescription": "Other"}'),
    "502": answered("502 Bad Gateway"),
    "503": answered("503 Service Unavailable", b"", "Retry-After: 0"),
}


def failing(react: Reaction) -> Behaviour:
    """An operator that fails every withdraw in this way, and does everything else well."""

    async def behave(line: Line) -> None:
        while True:
            request = await line.request()
            if request.startswith(WITHDRAW):
                await react(line, request)
            else:
                await line.send(success(request))

    return behave


async def well(line: Line, request: bytes) -> None:
    await line.send(success(request))


def heard(operator: RudeOperator, endpoint: str) -> int:
    """How many requests to that endpoint were read."""
    start = f"POST /wallet/{endpoint} HTTP/1.1".encode()
    return sum(request.startswith(start) for request in operator.requests)
