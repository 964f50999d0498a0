"""What a proxy in front might read in another way is refused at every listener; and none says what it is made of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from gateway.http.strict_heads import FRAMING, MAX_FRAMING
from tests.integration.http.test_admin import admin_door
from tests.support.doors import ROLLBACK, Client, basic, wallet_door
from tests.support.operators_door import MINE, QUERY, asking, operators_door

LISTENERS = ("wallet", "operators", "admin")
CHUNKED = "Transfer-Encoding: chunked"
MEGABYTES = 4 * 2**20


class Asked(NamedTuple):
    """A listener, and a request that it answers with 200."""

    port: int
    start: str
    credentials: str
    body: bytes
    refused: Callable[[str], float]

    def head(self, *headers: str, start: str = "", version: str = "1.1", authorized: bool = True) -> bytes:
        fields = ["Host: g", "Content-Type: application/json", *headers]
        if authorized:
            fields.append(f"Authorization: {self.credentials}")
        lines = "".join(f"{line}\r\n" for line in [f"{start or self.start} HTTP/{version}", *fields])
        return f"{lines}\r\n".encode()

    def length(self) -> str:
        return f"Content-Length: {len(self.body)}"

    def chunks(self, extension: bytes = b"", last: bytes = b"", trailers: bytes = b"") -> bytes:
        size = f"{len(self.body):x}".encode()
        return size + extension + b"\r\n" + self.body + b"\r\n0" + last + b"\r\n" + trailers + b"\r\n"

    async def connect(self) -> Client:
        return Client(*await asyncio.open_connection("127.0.0.1", self.port))

    async def answers(self, sent: bytes) -> bytes:
        """All that comes back, until the connection ends."""
        client = await self.connect()
        try:
            client.writer.write(sent)
            client.writer.write_eof()
            return await client.rest()
        finally:
            await client.close()


@asynccontextmanager
async def listening(name: str, folder: Path) -> AsyncIterator[Asked]:
    async with AsyncExitStack() as stack:
        if name == "wallet":
            game = await stack.enter_async_context(wallet_door())
            credentials = basic("JohnDoe:MyPass")
            yield Asked(game.port, "POST /wallet/rollbackWithdrawal", credentials, ROLLBACK, game.refused)
        elif name == "operators":
            caller = await stack.enter_async_context(operators_door(folder))
            yield Asked(caller.port, f"POST {QUERY}", basic(MINE), asking("1"), caller.refused)
        else:
            admin = await stack.enter_async_context(admin_door("s3cret"))
            yield Asked(admin._port, "GET /metrics", "Bearer s3cret", b"{}", admin.refused)


@pytest.fixture(params=LISTENERS)
async def asked(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Asked]:
    async with listening(request.param, tmp_path) as asked:
        yield asked


def refused_forms(asked: Asked) -> dict[str, bytes]:
    long = b";" + b"x" * MAX_FRAMING * 2
    with_length = asked.head(asked.length()) + asked.body
    path = asked.start.split()[1]
    return {
        "gzip, chunked": asked.head("Transfer-Encoding: gzip, chunked") + asked.chunks(),
        "chunked twice": asked.head("Transfer-Encoding: chunked, chunked") + asked.chunks(),
        "chunked in two lines": asked.head(CHUNKED, CHUNKED) + asked.chunks(),
        "gzip and chunked in two lines": asked.head("Transfer-Encoding: gzip", CHUNKED) + asked.chunks(),
        "identity": asked.head("Transfer-Encoding: identity", asked.length()) + asked.body,
        "HTTP/1.0 with chunks": asked.head(CHUNKED, version="1.0") + asked.chunks(),
        "HTTP/2.0": asked.head(asked.length(), version="2.0") + asked.body,
        "HTTP/0.9": f"GET {path}\r\n\r\n".encode(),
        "the same credentials twice": asked.head(f"Authorization: {asked.credentials}", asked.length()) + asked.body,
        "other credentials first": asked.head("authorization: Basic eDp5", asked.length()) + asked.body,
        "other credentials second": with_length.replace(b"\r\n\r\n", b"\r\nAUTHORIZATION: Bearer x\r\n\r\n", 1),
        "a long extension": asked.head(CHUNKED) + asked.chunks(extension=long),
        "a long extension of the last chunk": asked.head(CHUNKED) + asked.chunks(last=long),
        "a long size": asked.head(CHUNKED) + b"0" * MAX_FRAMING * 2 + asked.chunks(),
        "long trailers": asked.head(CHUNKED) + asked.chunks(trailers=(b"A: " + b"x" * 4000 + b"\r\n") * 10),
        "many trailers": asked.head(CHUNKED) + asked.chunks(trailers=b"A: b\r\n" * 1000),
        "a tunnel": asked.head(start="CONNECT gateway:80"),
        "two lengths": asked.head(asked.length(), asked.length()) + asked.body,
        "a list of lengths": asked.head(f"{asked.length()}, {len(asked.body)}") + asked.body,
        "a length with a sign": asked.head(asked.length().replace(": ", ": +")) + asked.body,
        "a length beside chunks": asked.head(asked.length(), CHUNKED) + asked.chunks(),
        "two hosts": asked.head("Host: other", asked.length()) + asked.body,
        "no host": with_length.replace(b"Host: g\r\n", b""),
        "two types": asked.head("content-type: text/plain", asked.length()) + asked.body,
        "a folded header": asked.head("X: a\r\n b", asked.length()) + asked.body,
        "a space before the colon": asked.head("X : a", asked.length()) + asked.body,
        "bare line feeds": with_length.replace(b"\r\n", b"\n"),
        "a NUL": asked.head("X: a\0b", asked.length()) + asked.body,
    }  # fmt: skip


async def test_what_may_be_read_in_two_ways_is_answered_400_and_nothing_after_it(asked: Asked) -> None:
    answers = {what: await asked.answers(sent) for what, sent in refused_forms(asked).items()}
    assert {what: answer for what, answer in answers.items() if not answer.startswith(b"HTTP/1.1 400 ")} == {}
    assert {what for what, answer in answers.items() if b" 200 OK" in answer} == set()
    assert {what for what, answer in answers.items() if b"\r\nConnection: close\r\n" not in answer} == set()
    assert asked.refused("malformed") >= len(answers)


async def test_what_http_allows_is_answered(asked: Asked) -> None:
    plain = asked.head(asked.length()) + asked.body
    forms = [
        plain,
        asked.head(CHUNKED) + asked.chunks(),
        asked.head(CHUNKED.replace("chunked", "Chunked")) + asked.chunks(extension=b";a=b", trailers=b"A: b\r\n"),
        asked.head(CHUNKED) + b"".join(b"1\r\n%c\r\n" % byte for byte in asked.body) + b"0\r\n\r\n",
        asked.head(asked.length(), version="1.0") + asked.body,
        asked.head("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", asked.length()) + asked.body,
    ]
    for sent in forms:
        assert b" 200 OK" in (await asked.answers(sent)).partition(b"\r\n")[0]
    many = await asked.answers((plain + forms[1]) * 100)
    assert many.count(b" 200 OK\r\n") == 200


async def test_an_extension_without_an_end_is_refused_long_before_its_client_stops(asked: Asked) -> None:
    for credentials in (True, False):
        client = await asked.connect()
        await client.send(asked.head(CHUNKED, authorized=credentials) + b"1;")
        answer = asyncio.ensure_future(client.rest())
        sent = 0
        while not answer.done() and sent < MEGABYTES:
            try:
                await client.send(b"x" * 4096)
            except ConnectionError:
                break
            sent += 4096
        assert sent < MEGABYTES
        assert b"HTTP/1.1 200" not in await answer or asked.start.startswith("GET")
        await client.close()


async def test_chunks_of_one_byte_are_refused_once_there_are_thousands(asked: Asked) -> None:
    many = b"1\r\n \r\n" * MAX_FRAMING
    answers = await asked.answers(asked.head(CHUNKED) + many)
    assert FRAMING.encode() in answers or asked.start.startswith("GET")  # which is answered without its body


async def test_calls_before_one_that_is_refused_are_answered_first(asked: Asked) -> None:
    good = asked.head(asked.length()) + asked.body
    bad = refused_forms(asked)["other credentials second"]
    answers = await asked.answers(good + bad + good)
    assert answers.count(b"HTTP/1.1 ") == 2
    assert answers.index(b" 200 OK") < answers.index(b" 400 Bad Request")


async def test_no_answer_says_what_the_listener_is_made_of(asked: Asked) -> None:
    path = asked.start.split()[1]
    sent = [
        asked.head(asked.length()) + asked.body,
        asked.head(asked.length(), authorized=False) + asked.body,
        asked.head(start="GET /nothing"),
        asked.head(start=f"DELETE {path}"),
        asked.head(start=f"HEAD {path}"),
        asked.head(start="OPTIONS *"),
        asked.head("Accept: application/openmetrics-text", "Accept-Encoding: gzip"),
        asked.head(start="GET /healthz"),
        asked.head(start="GET /readyz"),
        asked.head("Content-Length: 5"),
        *refused_forms(asked).values(),
    ]
    for each in sent:
        head = (await asked.answers(each)).partition(b"\r\n\r\n")[0].lower()
        assert head.startswith(b"http/1.1 ")
        assert not [word for word in (b"server:", b"python", b"aiohttp", b"uvloop", b"x-powered-by") if word in head]
