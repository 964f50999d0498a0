"""A name server that hangs costs one lookup at a time, and what was learned outlives its failures. In virtual time."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gateway.operators.http_client.dns_cache import FRESH_S, HANGING_AFTER_S, DnsCache
from gateway.operators.http_client.request import Origin
from tests.support.virtual_time import run

ORIGIN = Origin("wallet.example", 443, tls=True)
FOUND = [
    (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2001:db8::1", 443, 0, 0)),
    (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 443)),
    (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 443)),
]


class NameServer:
    """Answers after a second, with what `answer` holds, and counts the lookups."""

    def __init__(self) -> None:
        self.answer: Any = FOUND
        self.lookups = 0

    async def getaddrinfo(self, host: str, port: int, **_: Any) -> Any:
        self.lookups += 1
        await asyncio.sleep(1)
        if isinstance(self.answer, OSError):
            raise self.answer
        return self.answer


def with_name_server(
    monkeypatch: pytest.MonkeyPatch, scenario: Callable[[NameServer, DnsCache], Awaitable[None]]
) -> None:
    async def whole() -> None:
        server = NameServer()
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", server.getaddrinfo)
        await scenario(server, DnsCache())

    run(whole)


def test_an_address_needs_no_lookup(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(server: NameServer, resolver: DnsCache) -> None:
        for host in ("192.0.2.1", "2001:db8::1"):
            assert await resolver.addresses(Origin(host, 443, tls=True)) == [host]
        assert server.lookups == 0

    with_name_server(monkeypatch, scenario)


def test_each_address_comes_once_in_the_name_servers_order(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(server: NameServer, resolver: DnsCache) -> None:
        assert await resolver.addresses(ORIGIN) == ["2001:db8::1", "192.0.2.1"]

    with_name_server(monkeypatch, scenario)


def test_many_who_ask_at_once_share_one_lookup_even_if_some_give_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(server: NameServer, resolver: DnsCache) -> None:
        asking = [asyncio.ensure_future(resolver.addresses(ORIGIN)) for _ in range(100)]
        await asyncio.sleep(0.5)
        for task in asking[:50]:
            task.cancel()
        answers = await asyncio.gather(*asking[50:])
        assert all(answer == ["2001:db8::1", "192.0.2.1"] for answer in answers)
        assert server.lookups == 1

    with_name_server(monkeypatch, scenario)


def test_what_was_learned_is_asked_again_after_a_while_and_kept_while_nobody_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario(server: NameServer, resolver: DnsCache) -> None:
        known = await resolver.addresses(ORIGIN)
        assert await resolver.addresses(ORIGIN) == known
        assert server.lookups == 1
        await asyncio.sleep(FRESH_S)
        server.answer = socket.gaierror("no name server")
        assert await resolver.addresses(ORIGIN) == known
        assert server.lookups == 2
        await asyncio.sleep(1)
        server.answer = FOUND[1:]
        assert await resolver.addresses(ORIGIN) == known
        await asyncio.sleep(1)
        assert await resolver.addresses(ORIGIN) == ["192.0.2.1"]

    with_name_server(monkeypatch, scenario)


def test_a_name_server_that_hangs_does_not_use_up_the_time_to_connect_where_addresses_are_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario(server: NameServer, resolver: DnsCache) -> None:
        known = await resolver.addresses(ORIGIN)
        await asyncio.sleep(FRESH_S)
        server.answer, asked_at = FOUND[1:], asyncio.get_running_loop().time()
        assert await resolver.addresses(ORIGIN) == known
        assert asyncio.get_running_loop().time() - asked_at == HANGING_AFTER_S
        await asyncio.sleep(1)
        assert await resolver.addresses(ORIGIN) == ["192.0.2.1"]
        assert server.lookups == 2

    with_name_server(monkeypatch, scenario)


def test_what_is_to_be_forgotten_is_asked_again_and_still_better_than_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(server: NameServer, resolver: DnsCache) -> None:
        known = await resolver.addresses(ORIGIN)
        resolver.forget()
        server.answer = socket.gaierror("no name server")
        assert await resolver.addresses(ORIGIN) == known
        assert server.lookups == 2

    with_name_server(monkeypatch, scenario)


@pytest.mark.parametrize("answer", [socket.gaierror("no such name"), []])
def test_a_name_that_is_not_found_is_an_error_and_the_next_call_asks_anew(
    monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    async def scenario(server: NameServer, resolver: DnsCache) -> None:
        server.answer = answer
        for _ in range(2):
            with pytest.raises(OSError, match=r"name"):
                await resolver.addresses(ORIGIN)
        assert server.lookups == 2

    with_name_server(monkeypatch, scenario)


def test_a_failure_that_nobody_waited_for_disturbs_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(server: NameServer, resolver: DnsCache) -> None:
        server.answer = socket.gaierror("no such name")
        asking = asyncio.ensure_future(resolver.addresses(ORIGIN))
        await asyncio.sleep(0.5)
        asking.cancel()
        await asyncio.sleep(1)
        assert asking.cancelled()

    with_name_server(monkeypatch, scenario)


def test_closing_ends_a_lookup_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(server: NameServer, resolver: DnsCache) -> None:
        asking = asyncio.ensure_future(resolver.addresses(ORIGIN))
        await asyncio.sleep(0.5)
        resolver.close()
        with pytest.raises(OSError, match="closed"):
            await asking

    with_name_server(monkeypatch, scenario)
