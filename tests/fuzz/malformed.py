"""Requests that are almost right: mutated somewhere, or with two readings of where they end."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Final

from gateway.wire.calls import WalletCall
from tests.support.doors import basic, request
from tests.support.runtimes import TOKEN, message

HIDDEN: Final = "hidden-"
"""How the ids of calls begin that stand where only one of two readings finds a request."""

TOKENS: Final = (
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b"\x00",
    b"\xff",
    b" ",
    b"\t",
    b":",
    b"HTTP/1.1",
    b"HTTP/1.0",
    b"HTTP/0.9",
    b"POST",
    b"GET",
    b"HEAD",
    b"CONNECT",
    b"/wallet/withdraw",
    b"/operators/acme/wallet/getBalance",
    b"http://other/wallet/withdraw",
    b"/../",
    b"%2e%2e%2f%00",
    b"Content-Length: 5\r\n",
    b"Content-Length: 99999999999\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Expect: 100-continue\r\n",
    b"Expect: nothing\r\n",
    b"Connection: close\r\n",
    b"Connection: keep-alive\r\n",
    b"Connection: upgrade\r\nUpgrade: h2c\r\n",
    b"Content-Encoding: gzip\r\n",
    b"Content-Type: text/plain\r\n",
    b"Authorization: Basic\r\n",
    b"X-Forwarded-For: 10.0.0.1\r\n",
    b"0\r\n\r\n",
    b"ffffffffffffffff\r\n",
    b"[" * 300,
    b"9" * 300,
    b"x" * 9000,
)

LENGTHS: Final[tuple[Callable[[int], str], ...]] = (
    lambda size: f"Content-Length: {size}",
    lambda size: f"content-length:{size}",
    lambda size: f"Content-Length: +{size}",
    lambda size: f"Content-Length: {size}, {size}",
    lambda size: f"Content-Length: 0{size}",
    lambda size: f"Content-Length : {size}",
    lambda size: f"Content-Length:\t{size}",
    lambda size: f"Content-Length: {size} ",
    lambda size: f"Content-Length: 0x{size:x}",
    lambda size: f"X: y\r\n Content-Length: {size}",
)

CODINGS: Final = (
    "Transfer-Encoding: chunked",
    "transfer-encoding:chunked",
    "Transfer-Encoding:\tchunked",
    "Transfer-Encoding : chunked",
    "Transfer-Encoding: Chunked",
    "Transfer-Encoding: chunked, identity",
    "Transfer-Encoding: identity, chunked",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding:\x0bchunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    "Transfer-Encoding: \r\n chunked",
)


def mutated(random: Random) -> bytes:
    """A right request with up to four changes."""
    data = _right(random)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        data = random.choice(CHANGES)(random, data)
    return data


def smuggled(random: Random) -> bytes:
    """A request that says twice, and differently, where it ends; what stands between the two ends is another one."""
    outer = message(WalletCall.GET_BALANCE)
    inner = request("/wallet/withdraw", message(WalletCall.WITHDRAW, f"{HIDDEN}{random.getrandbits(32)}"))
    chunks = b"0\r\n\r\n" + inner
    body, ends = random.choice((
        (chunks, [random.choice(LENGTHS)(len(chunks)), random.choice(CODINGS)]),
        (outer + inner, [random.choice(LENGTHS)(len(outer)), random.choice(LENGTHS)(len(outer + inner))]),
        (outer + inner, [random.choice(LENGTHS)(len(outer + inner)), random.choice(LENGTHS)(len(outer))]),
    ))  # fmt: skip
    random.shuffle(ends)
    head = ["POST /wallet/getBalance HTTP/1.1", "Host: g", f"Authorization: {basic('JohnDoe:MyPass')}", *ends]
    return "\r\n".join([*head, "", ""]).encode() + body


def _right(random: Random) -> bytes:
    call = random.choice(list(WalletCall))
    body = message(call, f"id-{random.getrandbits(16)}", rollbackReason="Withdraw request failed.")
    if random.random() < 0.3:
        size = random.randint(1, len(body))
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:size], body[size:]) if part)
        whole = request(f"/wallet/{call}", b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
        return whole + chunks + b"0\r\n\r\n"
    return request(f"/wallet/{call}", body)


def _flip(random: Random, data: bytes) -> bytes:
    at = random.randrange(max(1, len(data)))
    return data[:at] + bytes([random.randrange(256)]) + data[at + 1 :]


def _insert(random: Random, data: bytes) -> bytes:
    at = random.randrange(len(data) + 1)
    return data[:at] + random.choice(TOKENS) + data[at:]


def _insert_line(random: Random, data: bytes) -> bytes:
    lines = data.split(b"\r\n")
    lines.insert(random.randrange(len(lines)), random.choice(TOKENS).removesuffix(b"\r\n"))
    return b"\r\n".join(lines)


def _drop(random: Random, data: bytes) -> bytes:
    start = random.randrange(len(data) + 1)
    return data[:start] + data[start + random.randint(1, 40) :]


def _repeat(random: Random, data: bytes) -> bytes:
    start = random.randrange(len(data) + 1)
    piece = data[start : start + random.randint(1, 60)]
    return data[:start] + piece * random.randint(2, 4) + data[start:]


def _swap_lines(random: Random, data: bytes) -> bytes:
    lines = data.split(b"\r\n")
    first, second = random.randrange(len(lines)), random.randrange(len(lines))
    lines[first], lines[second] = lines[second], lines[first]
    return b"\r\n".join(lines)


def _cut(random: Random, data: bytes) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def _another(random: Random, data: bytes) -> bytes:
    return data + _right(random)


def _odd_body(random: Random, data: bytes) -> bytes:
    head, _, body = data.partition(b"\r\n\r\n")
    changed = _insert(random, _flip(random, body))
    return head.replace(b"Content-Length: %d" % len(body), b"Content-Length: %d" % len(changed)) + b"\r\n\r\n" + changed


def _odd_token(random: Random, data: bytes) -> bytes:
    odd = json.dumps("".join(chr(random.randrange(0x300)) for _ in range(len(TOKEN)))).encode()
    return data.replace(json.dumps(TOKEN).encode(), odd)


CHANGES: Final = (
    _flip,
    _insert,
    _insert_line,
    _drop,
    _repeat,
    _swap_lines,
    _cut,
    _another,
    _odd_body,
    _odd_token,
)
