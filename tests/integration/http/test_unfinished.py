"""What has not arrived whole is limited: each head, and all heads and bodies of a listener together."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import pytest
import structlog

from gateway.http.connection import CallConnection
from gateway.http.http_connection import LINGER_BYTES, PART
from tests.integration.http.test_listening import shown, trusting
from tests.integration.http.test_refusals import counted, told
from tests.integration.http.test_wallet_limits import CALL, HEAD, chunked, long_rollback
from tests.support.certificates import Authority
from tests.support.doors import REPLY, ROLLBACK, Client, Game, request, wallet_door
from tests.support.rude_operator import RESET
from tests.support.waiting import until

KIB = 1024
READ_AT_ONCE = 512 * KIB
"""A loop reads up to 256 KiB of a connection, once before the answer, and once more before it is told to stop."""
WHOLE = request(CALL, ROLLBACK)
TOO_LARGE = "The request line and the headers together are longer than 16384 bytes (server.max_head); send less."


def head(size: int, field: int = 1000) -> bytes:
    """A head of so many bytes, without its end, of fields of about that size."""
    fields = b"".join(b"X-%04d: %s\r\n" % (number, b"a" * (field - 10)) for number in range(size // field + 1))
    return (HEAD + fields)[:size]


def with_head_of(size: int) -> bytes:
    """A whole call with a head of that size."""
    first, body = WHOLE.split(b"\r\n\r\n")
    filling = b"".join(b"\r\nX-%02d: %s" % (number, b"a" * 993) for number in range((size - len(first)) // 1000))
    return first + filling + b"\r\n\r\n" + body


async def feed(client: Client, data: bytes, piece: int) -> None:
    with suppress(ConnectionError):
        for start in range(0, len(data), piece):
            await client.send(data[start : start + piece])
            await asyncio.sleep(0)


@pytest.mark.parametrize("piece", [10**6, 8 * KIB, 1000, 100], ids=str)
async def test_a_head_of_many_small_fields_is_refused_once_it_is_too_large(game: Game, piece: int) -> None:
    client = await game.connect()
    await feed(client, head(16 * KIB), piece)
    answered = await client.answer()
    assert (answered.status, answered.error_text) == (400, TOO_LARGE)
    assert await client.rest() == b""
    assert counted(game, "malformed") == 1


async def test_a_whole_head_that_is_too_large_is_refused_and_one_below_the_limit_is_read(game: Game) -> None:
    client = await game.connect()
    assert (await client.asked(with_head_of(15 * KIB))).body == REPLY
    assert (await client.asked(with_head_of(22 * KIB))).error_text == TOO_LARGE
    assert len(game.coordinator.asked) == 1


async def test_the_limit_of_a_head_can_be_set() -> None:
    async with wallet_door(max_head="32KiB") as game:
        assert (await (await game.connect()).asked(with_head_of(30 * KIB))).body == REPLY


async def test_a_head_that_is_too_large_behind_a_call_ends_the_connection_after_its_answer(game: Game) -> None:
    game.coordinator.may_answer.clear()
    client = await game.connect()
    await client.send(WHOLE)
    await game.coordinator.was_asked.wait()
    await feed(client, head(40 * KIB), 8 * KIB)
    await until(lambda: counted(game, "malformed") == 1)
    game.coordinator.may_answer.set()
    assert (await client.answer()).body == REPLY
    assert await client.rest() == b""


UNFINISHED = {
    "heads": head(8 * KIB),
    "sized bodies": HEAD + b"Content-Length: 4000\r\n\r\n" + b" " * 3000,
    "chunked bodies": chunked(b" " * 3000)[: -len(b"0\r\n\r\n")],
    "behind calls": WHOLE + head(8 * KIB),
}


@pytest.mark.parametrize("sent", UNFINISHED.values(), ids=UNFINISHED.keys())
@pytest.mark.parametrize("piece", [10**6, 3000], ids=["whole", "pieces"])
async def test_of_all_unfinished_requests_together_the_oldest_are_dropped(sent: bytes, piece: int) -> None:
    async with wallet_door(max_unfinished="32KiB") as game:
        game.coordinator.may_answer.clear()
        clients = [await game.connect() for _ in range(20)]
        with structlog.testing.capture_logs() as logged:
            for client in clients:
                await feed(client, sent, piece)
                assert game.server.unfinished.total <= 32 * KIB
            await until(lambda: counted(game, "unfinished") >= 4)
        assert told(logged, "unfinished")[0] == (
            "all unfinished requests together are larger than 32768 bytes (server.max_unfinished)"
        )
        assert await clients[0].rest() == b""
        game.coordinator.may_answer.set()
        assert (await (await game.connect()).asked(WHOLE)).body == REPLY
        await game.hang_up()
        await until(lambda: game.server.open == 0)
        assert game.server.unfinished.total == 0


@pytest.mark.parametrize("split", [100, len(WHOLE) - len(ROLLBACK), len(WHOLE) - 5], ids=["head", "body", "end"])
async def test_a_call_that_has_arrived_whole_is_never_dropped(split: int) -> None:
    async with wallet_door(max_unfinished="16KiB") as game:
        game.coordinator.may_answer.clear()
        client = await game.connect()
        await client.send(WHOLE[:split])
        await until(lambda: game.server.unfinished.total)
        await client.send(WHOLE[split:])
        await game.coordinator.was_asked.wait()
        assert game.server.unfinished.total == 0
        for _ in range(8):
            await (await game.connect()).send(head(8 * KIB))
        await until(lambda: counted(game, "unfinished") >= 6)
        game.coordinator.may_answer.set()
        assert (await client.answer()).body == REPLY


@pytest.mark.parametrize(
    "sent",
    [
        WHOLE * 100,
        request(CALL, long_rollback(300_000)),
        chunked(long_rollback(300_000)),
        with_head_of(12 * KIB),
        request(CALL, ROLLBACK, "JohnDoe:wrong"),
    ],
    ids=["many", "sized", "chunked", "head", "refused"],
)
async def test_what_is_answered_is_held_no_more(game: Game, sent: bytes) -> None:
    client = await game.connect()
    sending = asyncio.ensure_future(client.send(sent))
    for _ in range(sent.count(b"POST ")):
        await client.answer()
    await sending
    assert await until(lambda: game.server.unfinished.total == 0)


async def test_a_head_that_has_begun_behind_a_call_has_the_time_of_a_request() -> None:
    async with wallet_door(read_timeout=1, idle_timeout=3600) as game:
        client = await game.connect()
        await client.send(WHOLE * 20 + head(2 * PART))
        for _ in range(20):
            assert (await client.answer()).body == REPLY
        assert (await client.answer()).status == 400
        assert counted(game, "slow") == 1


async def test_unfinished_handshakes_are_counted_too(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    hello = b"\x16\x03\x01\x40\x00" + b"\x01\x00\xff\x00" + b"a" * 8000
    async with wallet_door(tls=shown(authority.certificate("127.0.0.1")), max_unfinished="64KiB") as game:
        for _ in range(20):
            await (await game.connect()).send(hello)
        await until(lambda: counted(game, "unfinished") == 12)
        assert game.server.unfinished.total <= 64 * KIB
        client = await game.connect(trusting(authority))
        assert (await client.asked(WHOLE)).body == REPLY


async def test_what_comes_after_the_end_of_tls_is_not_held(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    async with wallet_door(tls=shown(authority.certificate("127.0.0.1"))) as game:
        game.coordinator.may_answer.clear()
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = trusting(authority).wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
        client = await game.connect()
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                await client.send(outgoing.read())
                incoming.write(await client.reader.read(65536))
        tls.write(WHOLE)
        with suppress(ssl.SSLWantReadError):
            tls.unwrap()
        await client.send(outgoing.read())
        await game.coordinator.was_asked.wait()
        (connection,) = game.server.connections
        carrier = cast("Any", connection.transport)._tls
        await client.send(b"x" * 2_000_000)
        game.coordinator.may_answer.set()
        await client.rest()
        assert carrier._incoming.pending < 1000


@pytest.mark.parametrize("size", [200, 3 * PART, 300 * KIB], ids=str)
async def test_a_connection_that_is_dropped_before_its_call_begins_leaves_nothing_behind(size: int) -> None:
    body = long_rollback(size)
    async with wallet_door(max_unfinished=2 * KIB) as game:
        with structlog.testing.capture_logs() as logs:
            for _ in range(20):
                client = await game.connect()
                await feed(client, request(CALL, body)[:-5], 10**6)
                assert await client.rest() == b""
            await until(lambda: not game.server.connections)
            await game.door.wait_idle()
        assert counted(game, "unfinished") == 20
        assert {each["event"] for each in logs} == {"refused before a call"}
        assert (game.server.unfinished.total, game.server._places.taken) == (0, 0)


async def test_what_is_let_go_after_the_connection_has_ended_is_not_held() -> None:
    async with wallet_door() as game:
        turn = game.door._bodies._turns["acme"] = asyncio.Lock()
        client = await game.connect()
        async with turn:
            await client.send(request(CALL, long_rollback(3 * PART))[:-5])
            (connection,) = await until(lambda: [cast("CallConnection", each) for each in game.server.connections])
            await until(lambda: game.server.unfinished.total > 2 * PART)
            client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            client.writer.close()
            await until(lambda: not game.server.open)
            assert game.server.unfinished.total == 0
        await game.door.wait_idle()
        connection.let_go(1)
        assert game.server.unfinished.total == 0


async def test_of_a_body_that_is_answered_already_little_is_received(
    game: Game, monkeypatch: pytest.MonkeyPatch
) -> None:
    received: list[int] = []
    receive = CallConnection._receive_part

    def count(self: CallConnection, part: bytes) -> bool:
        received.append(len(part))
        return receive(self, part)

    monkeypatch.setattr(CallConnection, "_receive_part", count)
    client = await game.connect()
    call = request(CALL, long_rollback(8_000_000), "nobody:nothing")
    sending = asyncio.ensure_future(feed(client, call, 64 * KIB))
    assert (await client.answer()).status == 401
    # The client can read the answer while it sends; then the connection ends.
    assert await client.rest() == b""
    await sending
    assert sum(received) <= LINGER_BYTES + READ_AT_ONCE


async def test_a_body_that_is_answered_already_and_ends_soon_does_not_end_the_connection(game: Game) -> None:
    client = await game.connect()
    compressed = request(CALL, b"x" * 40_000, Content_Encoding="gzip")
    for _ in range(3):
        assert (await client.asked(compressed)).status == 400
        assert (await client.asked(WHOLE)).body == REPLY
