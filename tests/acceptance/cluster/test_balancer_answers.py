"""What the game gets where the load balancer ends a call: an error of the contract, or a closed connection."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from tests.deployment.balancer import haproxy, server_line, unready_gateways_are_an_error_of_the_contract
from tests.support.doors import request
from tests.support.programs import program

CONFIG = Path(__file__).parents[3] / "config" / "compose" / "haproxy.cfg"
PAGE = (Path(__file__).parents[3] / "docs" / "errors.md").read_text(encoding="utf-8")
WITHDRAW = request("/wallet/withdraw", b'{"token": "t", "mmTransactionId": "1", "amount": {"amount": 1}}')
PATIENCE_S = 30.0

UNAUTHORIZED, BAD_REQUEST, UNCLEAR, NOT_SENT, JOURNAL_UNAVAILABLE = 131, 130, 121, 122, 123
ANSWERS = {
    401: (401, UNAUTHORIZED), 407: (401, UNAUTHORIZED),
    404: (400, BAD_REQUEST), 405: (400, BAD_REQUEST), 410: (400, BAD_REQUEST), 413: (400, BAD_REQUEST),
    421: (400, BAD_REQUEST), 425: (400, BAD_REQUEST),
    403: (500, NOT_SENT), 429: (500, NOT_SENT), 503: (500, JOURNAL_UNAVAILABLE),
    500: (500, UNCLEAR), 502: (500, UNCLEAR), 504: (500, UNCLEAR),
}  # fmt: skip
"""Each status that HAProxy can end a call with, and the status and error code that the game gets."""
CLOSED = {400, 408, 422, 501}
"""Those that HAProxy also writes by itself, before there is a call: nothing but silence can be put in their place."""
CLOSED_SINCE_3_1 = {414, 431}

pytestmark = pytest.mark.needs_programs("haproxy")

Connected = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Got(NamedTuple):
    """The last answer on a connection that HAProxy closed, or that was ended after it."""

    status: int
    headers: dict[str, str]
    body: bytes


@asynccontextmanager
async def listening(behave: Connected) -> AsyncIterator[str]:
    server = await asyncio.start_server(behave, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def well(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A gateway that is ready for calls."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    writer.close()


@asynccontextmanager
async def balanced(folder: Path, behave: Connected, *rules: str) -> AsyncIterator[str]:
    """HAProxy's URL, in front of one gateway whose listener for calls behaves so; with rules of its frontend's own."""
    text = await asyncio.to_thread(CONFIG.read_text, encoding="utf-8")
    text = re.sub(r"timeout server \w+", "timeout server 500ms", text)
    text = re.sub(r"timeout http-request \w+", "timeout http-request 500ms", text)
    own = "".join(f"    {rule}\n" for rule in rules)
    text = text.replace("    default_backend gateways\n", f"{own}    default_backend gateways\n")
    async with listening(behave) as wallet, listening(well) as admin:
        line = server_line(1, wallet, admin)
        async with haproxy(folder, text, [line], str(await asyncio.to_thread(program, "haproxy"))) as url:
            await until_it_listens(url)
            yield url


async def until_it_listens(url: str) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with suppress(ConnectionRefusedError):
                async with connected(url):
                    return
            await asyncio.sleep(0.05)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    where = urlsplit(url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def sent(url: str, *parts: bytes) -> bytes:
    """All that comes for these bytes on one connection, until HAProxy closes it."""
    async with connected(url) as (reader, writer), asyncio.timeout(PATIENCE_S):
        for part in parts:
            writer.write(part)
            await writer.drain()
        return await reader.read()


def got(came: bytes) -> Got:
    head, _, body = came.partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
    assert int(headers["content-length"]) == len(body)
    return Got(int(first.split(" ")[1]), headers, body)


def closing(call: bytes) -> bytes:
    return call.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)


def expect_error(came: bytes, status: int, code: int) -> None:
    answer = got(came)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/json")
    error: dict[str, Any] = json.loads(answer.body)
    assert set(error) == {"errorCode", "errorDescription"}
    assert error["errorCode"] == code
    (row,) = re.findall(rf"^\| {code} \| \w+ \| (\d+) \|", PAGE, re.MULTILINE)
    assert int(row) == status


async def test_the_game_gets_the_contracts_error_while_no_gateway_has_its_journal(tmp_path: Path) -> None:
    found = await unready_gateways_are_an_error_of_the_contract(tmp_path, CONFIG, str(program("haproxy")))
    assert found == ""


@pytest.mark.parametrize("made", sorted(ANSWERS))
async def test_every_page_of_haproxy_is_an_error_of_the_contract(made: int, tmp_path: Path) -> None:
    async with balanced(tmp_path, well, f"http-request deny deny_status {made}") as url:
        came = await sent(url, closing(WITHDRAW))
    status, code = ANSWERS[made]
    expect_error(came, status, code)


@pytest.mark.parametrize("made", sorted(CLOSED))
async def test_a_page_that_cannot_be_replaced_is_not_sent(made: int, tmp_path: Path) -> None:
    async with balanced(tmp_path, well, f"http-request deny deny_status {made}") as url:
        assert await sent(url, closing(WITHDRAW)) == b""


async def test_no_page_is_forgotten(tmp_path: Path) -> None:
    """HAProxy itself refuses statuses that it has no page for, 50 at most in one go."""
    refused = set()
    for first in range(400, 600, 40):
        statuses = range(first, first + 40)
        lines = "".join(f"    errorfile {status} /dev/null\n" for status in statuses)
        (tmp_path / "pages.cfg").write_text(f"defaults\n    mode http\n{lines}")
        asked = await asyncio.create_subprocess_exec(
            str(program("haproxy")), "-c", "-f", str(tmp_path / "pages.cfg"), stderr=asyncio.subprocess.PIPE
        )
        _, said = await asked.communicate()
        refused |= {int(each) for each in re.findall(rb"status code '(\d+)' not handled", said)}
    assert set(range(400, 600)) - refused - CLOSED_SINCE_3_1 == set(ANSWERS) | CLOSED


async def test_basic_authentication_at_the_balancer_is_401(tmp_path: Path) -> None:
    async with balanced(tmp_path, well, "http-request auth realm game") as url:
        came = await sent(url, closing(WITHDRAW))
    expect_error(came, 401, UNAUTHORIZED)
    assert "www-authenticate" in got(came).headers


async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.close()


async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"not HTTP at all\r\n\r\n")
    writer.close()


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


@pytest.mark.parametrize("behave", [cut, babble, hang])
async def test_a_call_whose_fate_is_unknown_is_unclear(behave: Connected, tmp_path: Path) -> None:
    async with balanced(tmp_path, behave) as url:
        expect_error(await sent(url, closing(WITHDRAW)), 500, UNCLEAR)


async def test_a_connection_serves_on_after_an_error(tmp_path: Path) -> None:
    async with balanced(tmp_path, well, "http-request deny deny_status 503 if { path_beg /wallet }") as url:
        came = await sent(url, WITHDRAW, closing(WITHDRAW))
    assert came.count(b"HTTP/1.1 500 ") == 2
    assert came.count(b'"errorCode":123') == 2


async def test_a_head_that_its_own_rules_make_too_long_is_an_error_of_the_contract(tmp_path: Path) -> None:
    twice = 'http-request set-header X-Twice "%[req.hdr(X-Long)]%[req.hdr(X-Long)]"'
    async with balanced(tmp_path, well, twice) as url:
        long = closing(WITHDRAW).replace(b"\r\n\r\n", b"\r\nX-Long: " + b"x" * 9_000 + b"\r\n\r\n", 1)
        expect_error(await sent(url, long), 500, UNCLEAR)


MALFORMED = {
    "no HTTP": b"\x16\x03\x01\x02\x00\r\n\r\n",
    "a line that is no header": b"POST / HTTP/1.1\r\nHost: g\r\nno header\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "a head that is too long": b"POST / HTTP/1.1\r\nHost: g\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
    "a transfer coding that it lacks": b"POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: gzip\r\n\r\n",
    "a chunk that is none": b"POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    "CONNECT": b"CONNECT g:1 HTTP/1.1\r\nHost: g\r\n\r\n",
    "nothing": b"",
    "half a head": b"POST /wallet/withdraw HTTP/1.1\r\nHo",
}


@pytest.mark.parametrize("what", sorted(MALFORMED))
async def test_whoever_sends_no_request_gets_no_page(what: str, tmp_path: Path) -> None:
    async with balanced(tmp_path, well) as url:
        assert await sent(url, MALFORMED[what]) == b""


@pytest.mark.parametrize("what", sorted(MALFORMED))
async def test_nor_does_it_after_a_request_that_was_answered(what: str, tmp_path: Path) -> None:
    denied = "http-request deny deny_status 503 if { path_beg /wallet/withdraw }"
    async with (
        balanced(tmp_path, well, denied) as url,
        connected(url) as (reader, writer),
        asyncio.timeout(PATIENCE_S),
    ):
        writer.write(WITHDRAW)
        first = await reader.readuntil(b"}")
        writer.write(MALFORMED[what] or b"\r\n")
        assert await reader.read() == b""
    expect_error(first, 500, JOURNAL_UNAVAILABLE)
