"""An operator at several addresses: one that is down or swallows packets costs no withdraw, and leaves nothing open."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from gateway.operators import Unsent
from gateway.operators.adapter import HttpResponse
from gateway.operators.http_client.client import HttpClient
from gateway.operators.http_client.tls import tls_context
from tests.support.certificates import Authority, server_context
from tests.support.rude_operator import Line, polite, rude_operator

MakeClient = Callable[..., HttpClient]
ALIVE = "127.0.0.1"
DEAD = "127.0.0.2"
DEAD_AS_WELL = "127.0.0.3"
NAME = "wallet.example"


@contextmanager
def black_hole(host: str, port: int) -> Iterator[None]:
    """While this lasts, whoever connects to the address gets no answer: its backlog is full."""
    with ExitStack() as stack:
        full, *takers = (stack.enter_context(socket.socket()) for _ in range(3))
        full.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        full.bind((host, port))
        full.listen(0)
        for taker in takers:
            taker.setblocking(False)
            taker.connect_ex((host, port))
        yield


def free_port() -> int:
    with socket.socket() as unused:
        unused.bind((ALIVE, 0))
        port: int = unused.getsockname()[1]
        return port


def open_files() -> set[str]:
    """The sockets that this process has open."""
    return {name for name in map(_target, Path("/proc/self/fd").iterdir()) if name.startswith("socket:")}


def _target(file: Path) -> str:
    try:
        return str(file.readlink())
    except FileNotFoundError:
        return ""


@pytest.fixture
def make(make_client: MakeClient, monkeypatch: pytest.MonkeyPatch) -> MakeClient:
    """Makes a client that knows the operator's name to have these addresses."""

    def made(*addresses: str, **settings: object) -> HttpClient:
        client = make_client(**settings)

        async def known(origin: object) -> list[str]:
            return list(addresses)

        monkeypatch.setattr(client._resolver, "addresses", known)
        return client

    return made


async def test_an_address_that_swallows_packets_costs_no_withdraw(make: MakeClient) -> None:
    async with rude_operator(polite) as operator:
        with black_hole(DEAD, operator.port):
            client = make(DEAD, ALIVE, connect_timeout_s=2.0)
            async with asyncio.timeout(2.0):
                assert (await client.post(operator.at(NAME), b"{}", {})).status == 200
    assert len(operator.requests) == 1


@pytest.mark.parametrize("addresses", [(DEAD, DEAD_AS_WELL, ALIVE), (ALIVE, DEAD)], ids=["last", "first"])
async def test_the_live_one_is_found_wherever_it_stands_however_short_the_time(
    make: MakeClient, addresses: tuple[str, ...]
) -> None:
    async with rude_operator(polite) as operator:
        with black_hole(DEAD, operator.port), black_hole(DEAD_AS_WELL, operator.port):
            client = make(*addresses, connect_timeout_s=0.4)
            assert (await client.post(operator.at(NAME), b"{}", {})).status == 200
            assert operator.connections == 1


async def test_the_certificate_is_that_of_the_name_whichever_address_answers(make: MakeClient, tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    tls = server_context(authority.certificate(NAME))
    async with rude_operator(polite, tls=tls) as operator:
        with black_hole(DEAD, operator.port):
            trusting = {"tls": tls_context(authority.file, None, None)}
            assert (await make(DEAD, ALIVE, **trusting).post(operator.at(NAME), b"{}", {})).status == 200
        with pytest.raises(Unsent, match="not trusted"):
            await make(DEAD, ALIVE, **trusting).post(operator.at("other.example"), b"{}", {})
    assert len(operator.requests) == 1


async def test_an_address_that_takes_connections_but_speaks_no_tls_costs_no_withdraw(
    make: MakeClient, tmp_path: Path
) -> None:
    async def cut(line: Line) -> None:
        line.reset()

    authority = Authority(tmp_path, "authority")
    async with rude_operator(polite, tls=server_context(authority.certificate(NAME))) as operator:
        sock = socket.create_server((DEAD, operator.port))
        async with rude_operator(cut, sock=sock) as balancer:
            client = make(DEAD, ALIVE, tls=tls_context(authority.file, None, None))
            assert (await client.post(operator.at(NAME), b"{}", {})).status == 200
            assert balancer.connections == 1
    assert len(operator.requests) == 1


async def test_an_address_that_hangs_in_the_handshake_costs_no_withdraw(make: MakeClient, tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    async with rude_operator(polite, tls=server_context(authority.certificate(NAME))) as operator:
        sock = socket.create_server((DEAD, operator.port))
        async with rude_operator(Line.client_is_gone, sock=sock) as hanging:
            client = make(DEAD, ALIVE, tls=tls_context(authority.file, None, None))
            assert (await client.post(operator.at(NAME), b"{}", {})).status == 200
            async with asyncio.timeout(5):
                while not hanging.gone:
                    await asyncio.sleep(0)
    assert len(operator.requests) == 1


async def test_no_address_that_takes_us_is_unsent_and_leaves_nothing_open(make: MakeClient) -> None:
    port = free_port()
    with black_hole(DEAD, port), black_hole(DEAD_AS_WELL, port):
        before = open_files()
        with pytest.raises(Unsent, match="no connection to the operator in time"):
            await make(DEAD, DEAD_AS_WELL, connect_timeout_s=0.1).post(f"http://{NAME}:{port}/", b"{}", {})
        with pytest.raises(Unsent, match="ConnectionRefusedError"):
            await make(ALIVE, "127.0.0.4").post(f"http://{NAME}:{port}/", b"{}", {})
        await everything_is_closed(before)


async def test_closing_the_client_while_it_connects_leaves_nothing_open(make: MakeClient) -> None:
    port = free_port()
    with black_hole(DEAD, port), black_hole(DEAD_AS_WELL, port):
        before = open_files()
        client = make(DEAD, DEAD_AS_WELL, connect_timeout_s=0.3)
        call = asyncio.ensure_future(client.post(f"http://{NAME}:{port}/", b"{}", {}))
        await asyncio.wait([call], timeout=0.1)
        assert open_files() > before
        await client.close()
        await everything_is_closed(before)
        with pytest.raises(Unsent):
            await call


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
async def test_cancelling_at_any_moment_leaves_nothing_open(make: MakeClient, tmp_path: Path, secure: bool) -> None:
    authority = Authority(tmp_path, "authority")
    tls = server_context(authority.certificate(NAME)) if secure else None
    async with rude_operator(polite, tls=tls) as operator:
        with black_hole(DEAD, operator.port):
            client = make(DEAD, ALIVE, connect_timeout_s=0.02, tls=tls_context(authority.file, None, None))
            ended = set()
            before = open_files()
            for turns in range(80):
                call = asyncio.ensure_future(client.post(operator.at(NAME), b"{}", {}))
                await some_turns(turns, call)
                call.cancel()
                (outcome,) = await asyncio.gather(call, return_exceptions=True)
                ended.add(type(outcome).__name__)
                await client._pool.close()
                await everything_is_closed(before)
            assert "CancelledError" in ended


async def some_turns(turns: int, call: asyncio.Future[HttpResponse]) -> None:
    """Lets the first address be given up, then so many turns of the loop: the second is being connected to."""
    if turns % 2:
        await asyncio.wait([call], timeout=0.005)
    for _ in range(turns // 2):
        await asyncio.sleep(0)


async def everything_is_closed(before: set[str]) -> None:
    """Waits until no socket is open that was not open before; the operator's ends need a moment to follow."""
    async with asyncio.timeout(5):
        while open_files() - before:
            await asyncio.sleep(0)
