"""A client that closes its sending side after its request (RFC 9112 section 9.6) is answered, on both listeners."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.http.admin import AdminHandler
from gateway.http.admin_connection import AdminServer
from gateway.http.listener import Listener
from gateway.http.refusals import Refusals
from gateway.telemetry.metrics import ADMIN, Metrics
from tests.integration.http.test_listening import shown, trusting
from tests.support.certificates import Authority
from tests.support.doors import REPLY, ROLLBACK, Client, Game, request, wallet_door
from tests.support.waiting import until

CALL = request("/wallet/rollbackWithdrawal", ROLLBACK)


class NoHealth:
    def liveness_problems(self) -> list[str]:
        return []

    async def readiness_problems(self) -> list[str]:
        await asyncio.sleep(0)
        return []


@asynccontextmanager
async def admin_listener() -> AsyncIterator[int]:
    metrics = Metrics()
    server = AdminServer(AdminHandler(NoHealth(), metrics, None).handle, Refusals(ADMIN, metrics))
    listener = Listener.bind("127.0.0.1", 0)
    listener.serve(server, None)
    try:
        yield listener.port
    finally:
        listener.close()
        server.pre_shutdown()
        await server.shutdown(1)


async def asked_last(client: Client, sent: bytes) -> bytes:
    """All that a client gets that sends this and then closes its sending side."""
    await client.send(sent)
    client.writer.write_eof()
    return await client.rest()


async def test_a_call_is_answered_whose_client_sends_nothing_more(game: Game) -> None:
    client = await game.connect()
    received = await asked_last(client, CALL)
    assert received.startswith(b"HTTP/1.1 200 ")
    assert received.endswith(REPLY)


async def test_a_call_is_answered_that_takes_longer_than_its_client_takes_to_send_its_end(game: Game) -> None:
    game.coordinator.may_answer.clear()
    client = await game.connect()
    rest = asyncio.ensure_future(asked_last(client, CALL))
    (connection,) = await until(lambda: game.server.connections)
    await until(lambda: connection.has_ended)  # type: ignore[attr-defined]  # it is a CallConnection
    game.coordinator.may_answer.set()
    assert (await rest).endswith(REPLY)
    assert await until(lambda: game.server.open == 0)


async def test_every_request_is_answered_that_came_before_the_end(game: Game) -> None:
    client = await game.connect()
    assert (await asked_last(client, CALL * 40)).count(REPLY) == 40


async def test_the_connection_ends_with_its_answer_and_not_with_the_idle_time(game: Game) -> None:
    client = await game.connect()
    async with asyncio.timeout(5):  # idle_timeout is 75 s
        assert (await asked_last(client, CALL)).endswith(REPLY)


@pytest.mark.parametrize(
    "sent",
    [CALL[:30], CALL[:-5], CALL.replace(b"Content-Length: ", b"Content-Length: 9")],
    ids=["within the head", "within the body", "a body that is too short"],
)
async def test_a_request_that_is_cut_off_is_refused_at_once_and_counted(game: Game, sent: bytes) -> None:
    client = await game.connect()
    async with asyncio.timeout(4):  # read_timeout is 5 s
        received = await asked_last(client, sent)
    assert received.startswith(b"HTTP/1.1 400 ")
    assert b"cut off" in received
    assert refused(game.metrics, "malformed") == 1
    assert game.coordinator.asked == []


async def test_the_rest_of_a_body_may_be_missing_once_its_request_is_answered(game: Game) -> None:
    client = await game.connect()
    head, _, body = request("/wallet/rollbackWithdrawal", ROLLBACK, "JohnDoe:wrong").partition(b"\r\n\r\n")
    with capture_logs() as logged:
        await client.send(head + b"\r\n\r\n" + body[:10])
        assert (await client.answer()).status == 401
        client.writer.write_eof()
        assert await client.rest() == b""
    assert [line for line in logged if line["log_level"] == "error"] == []


async def test_a_client_that_never_asks_is_let_go(game: Game) -> None:
    client = await game.connect()
    async with asyncio.timeout(5):
        assert await asked_last(client, b"") == b""
    assert refused(game.metrics, "malformed") == 0


@pytest.mark.parametrize("page", ["/healthz", "/readyz", "/metrics"])
async def test_the_admin_listener_answers_as_well(page: str) -> None:
    async with admin_listener() as port:
        client = Client(*await asyncio.open_connection("127.0.0.1", port))
        async with asyncio.timeout(5):
            received = await asked_last(client, f"GET {page} HTTP/1.1\r\nHost: g\r\n\r\n".encode())
        assert received.startswith(b"HTTP/1.1 200 ")
        await client.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_call_over_tls_is_answered_after_its_client_has_closed_tls_or_tcp(
    tmp_path: Path, version: ssl.TLSVersion
) -> None:
    authority = Authority(tmp_path, "authority")
    context = trusting(authority)
    context.minimum_version = context.maximum_version = version
    async with wallet_door(tls=shown(authority.certificate("127.0.0.1"))) as game:
        for close in (close_tls, close_tcp):
            answer = await asyncio.to_thread(ask_in_a_thread, game.port, context, close)
            assert answer.endswith(REPLY)


def ask_in_a_thread(port: int, context: ssl.SSLContext, close: object) -> bytes:
    """Speaks TLS on a plain blocking socket, where each side's end is at hand."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    with socket.create_connection(("127.0.0.1", port), timeout=10) as tcp:
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                tcp.sendall(outgoing.read())
                incoming.write(tcp.recv(65536))
        tls.write(CALL)
        tcp.sendall(outgoing.read())
        close(tls, outgoing, tcp)  # type: ignore[operator]  # one of the two below
        answer = b""
        while not answer.endswith(REPLY):
            try:
                answer += tls.read(65536)
            except ssl.SSLWantReadError:
                received = tcp.recv(65536)
                if not received:
                    break
                incoming.write(received)
        return answer


def close_tls(tls: ssl.SSLObject, outgoing: ssl.MemoryBIO, tcp: socket.socket) -> None:
    with pytest.raises(ssl.SSLWantReadError):
        tls.unwrap()
    tcp.sendall(outgoing.read())


def close_tcp(_tls: ssl.SSLObject, _outgoing: ssl.MemoryBIO, tcp: socket.socket) -> None:
    tcp.shutdown(socket.SHUT_WR)


def refused(metrics: Metrics, reason: str) -> float:
    labels = {"listener": "wallet", "reason": reason}
    return metrics.registry.get_sample_value("mm_gateway_refused_total", labels) or 0
