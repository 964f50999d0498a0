from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from gateway.http.connection import CallServer
from gateway.http.listener import Listener, listener_tls_context
from gateway.http.refusals import Refusals
from gateway.settings import ListenerTls, ServerSettings
from gateway.telemetry.metrics import WALLET
from tests.support.certificates import Authority
from tests.support.doors import REPLY, ROLLBACK, Client, Game, request, wallet_door

CALL = request("/wallet/rollbackWithdrawal", ROLLBACK)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


def shown(certificate: Path, client_ca: Path | None = None) -> ssl.SSLContext:
    context = listener_tls_context(ListenerTls(cert_file=certificate, key_file=certificate, client_ca_file=client_ca))
    assert context is not None
    return context


def trusting(authority: Authority, certificate: Path | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority.file))
    if certificate is not None:
        context.load_cert_chain(certificate)
    return context


async def test_calls_are_taken_over_tls(authority: Authority) -> None:
    async with wallet_door(tls=shown(authority.certificate("127.0.0.1"))) as game:
        client = await game.connect(trusting(authority))
        assert (await client.asked(CALL)).body == REPLY
        assert client.writer.get_extra_info("ssl_object").version() == "TLSv1.3"


async def test_plain_http_on_a_tls_port_gets_nothing(authority: Authority) -> None:
    async with wallet_door(tls=shown(authority.certificate("127.0.0.1"))) as game:
        client = await game.connect()
        await client.send(CALL)
        assert b"HTTP" not in await client.rest()


async def test_old_tls_is_not_spoken(authority: Authority) -> None:
    async with wallet_door(tls=shown(authority.certificate("127.0.0.1"))) as game:
        old = trusting(authority)
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await game.connect(old)


async def test_where_client_certificates_are_asked_for_only_their_holders_are_served(
    authority: Authority, tmp_path: Path
) -> None:
    server = shown(authority.certificate("127.0.0.1"), client_ca=authority.file)
    stranger = Authority(tmp_path, "stranger").certificate("game")
    async with wallet_door(tls=server) as game:
        known = await game.connect(trusting(authority, authority.certificate("game")))
        assert (await known.asked(CALL)).body == REPLY
        for certificate in (None, stranger):
            assert not await _served(game, trusting(authority, certificate))
        assert len(game.coordinator.asked) == 1


async def _served(game: Game, tls: ssl.SSLContext) -> bool:
    try:
        client = await game.connect(tls)
        await client.send(CALL)
        return bool(await client.reader.read(1))
    except (ssl.SSLError, ConnectionError):
        return False


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_files_that_do_not_serve_are_refused(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "cert.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(OSError, match=r"."):
        shown(file)


async def test_a_new_certificate_is_shown_to_new_connections_and_old_ones_live_on(
    authority: Authority, tmp_path: Path
) -> None:
    other = Authority(tmp_path, "other")
    async with wallet_door() as game:
        listener = Listener.bind("127.0.0.1", 0)
        game.port = listener.port
        connections = CallServer(game.door.handle, ServerSettings(), game.door.admits, Refusals(WALLET, game.metrics))
        listener.serve(connections, shown(authority.certificate("127.0.0.1")))
        old = await game.connect(trusting(authority))
        assert (await old.asked(CALL)).body == REPLY
        listener.serve(connections, shown(other.certificate("127.0.0.1")))
        new = await game.connect(trusting(other))
        assert [(await client.asked(CALL)).body for client in (old, new)] == [REPLY, REPLY]
        with pytest.raises(ssl.SSLError):
            await game.connect(trusting(authority))
        listener.close()
        with pytest.raises(ConnectionRefusedError):
            await game.connect(trusting(other))
        assert (await old.asked(CALL)).body == REPLY
        await game.hang_up()
        connections.pre_shutdown()
        await connections.shutdown(1)


async def test_no_connection_is_refused_while_a_listener_changes(game: Game) -> None:
    listener = Listener.bind("127.0.0.1", 0)
    game.port = listener.port
    connections = CallServer(game.door.handle, ServerSettings(), game.door.admits, Refusals(WALLET, game.metrics))
    clients: list[Client] = []
    for _ in range(20):
        listener.serve(connections, None)
        clients += [await game.connect() for _ in range(5)]
    assert {(await client.asked(CALL)).status for client in clients} == {200}
    listener.close()
    await game.hang_up()
    connections.pre_shutdown()
    await connections.shutdown(1)
