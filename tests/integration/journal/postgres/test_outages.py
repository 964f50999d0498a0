"""The database restarts, dies, hangs, is unreachable or refuses: the journal says so in time, and recovers alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from typing import TypeVar

import asyncpg
import pytest

from gateway.journal.interface import Journal, JournalUnavailable, TransferFilter
from gateway.records import State
from tests.support.journals import ACME, Journals, a_change, a_transfer, key_of, put
from tests.support.postgres import PostgresServer
from tests.support.postgres_proxy import FaultyProxy, faulty_proxy

T = TypeVar("T")

PATIENCE_S = 20.0
QUICK = {"connect_timeout": 0.5, "statement_timeout": 0.5}


async def once_available(do: Callable[[], Awaitable[T]]) -> T:
    """What `do` comes to as soon as the journal is there again."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return await do()
        except JournalUnavailable:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)


async def refused_in_time(do: Callable[[], Awaitable[object]], within_s: float = 2.0) -> str:
    """How the journal says that it is not available."""
    began = time.monotonic()
    with pytest.raises(JournalUnavailable) as refusal:
        await do()
    assert time.monotonic() - began < within_s
    return str(refusal.value)


@pytest.fixture
async def proxied(own_journals: Journals, server: PostgresServer) -> AsyncIterator[tuple[Journal, FaultyProxy]]:
    async with faulty_proxy(server.port) as proxy:
        shelf = own_journals.shelf
        shelf.url = shelf.url.replace(f":{server.port}/", f":{proxy.port}/")
        try:
            yield await own_journals.open(**QUICK), proxy
        finally:
            proxy.heal()
            await own_journals.close()
            shelf.url = shelf.url.replace(f":{proxy.port}/", f":{server.port}/")


async def test_a_restart_is_survived_and_nothing_is_lost(own_journals: Journals, server: PostgresServer) -> None:
    journal = await own_journals.open()
    await journal.insert(a_transfer("before"))
    server.stop()
    for do in (
        lambda: journal.insert(a_transfer("meanwhile")),
        lambda: journal.find(key_of("before")),
        lambda: journal.list_transfers(TransferFilter(), limit=1),
        journal.check_writable,
    ):
        await refused_in_time(do)
    server.start_again()
    opened = await once_available(lambda: journal.insert(a_transfer("after")))
    assert opened.created
    assert await journal.find(key_of("before")) is not None
    assert await journal.find(key_of("meanwhile")) is None


async def test_what_was_acknowledged_survives_kill_9_of_the_server(
    own_journals: Journals, server: PostgresServer
) -> None:
    journal = await own_journals.open()
    acknowledged: list[str] = []
    many, stop = asyncio.Event(), asyncio.Event()

    async def write(worker: int) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            id_ = f"{worker}-{number}"
            try:
                await journal.insert(a_transfer(id_))
            except JournalUnavailable:
                await asyncio.sleep(0.01)
            else:
                acknowledged.append(id_)
                if len(acknowledged) % 400 == 0:
                    many.set()

    async with asyncio.TaskGroup() as writers:
        for worker in range(16):
            writers.create_task(write(worker))
        for _ in range(3):
            await many.wait()
            many.clear()
            server.kill()
            await asyncio.to_thread(server.start_again)
        stop.set()
    await once_available(journal.check_writable)
    assert [id_ for id_ in acknowledged if await journal.find(key_of(id_)) is None] == []


async def test_a_server_that_hangs_is_given_up_in_time_and_taken_up_again(
    own_journals: Journals, server: PostgresServer
) -> None:
    journal = await own_journals.open(**QUICK)
    await journal.insert(a_transfer("before"))
    await server.pause()
    try:
        await asyncio.gather(
            refused_in_time(lambda: journal.insert(a_transfer("meanwhile"))),
            refused_in_time(lambda: journal.find(key_of("before"))),
        )
        await refused_in_time(journal.check_writable)
    finally:
        server.unpause()
    assert (await once_available(lambda: journal.insert(a_transfer("after")))).created


async def test_a_journal_is_closed_though_its_server_hangs(own_journals: Journals, server: PostgresServer) -> None:
    journal = await own_journals.open(**QUICK)
    await journal.check_writable()
    await server.pause()
    try:
        async with asyncio.timeout(PATIENCE_S):
            await journal.close()
        with pytest.raises(JournalUnavailable, match="closed"):
            await journal.check_writable()
    finally:
        server.unpause()


async def test_a_commit_whose_answer_is_lost_is_not_called_durable(proxied: tuple[Journal, FaultyProxy]) -> None:
    journal, proxy = proxied
    await journal.check_writable()
    proxy.answering = False
    await refused_in_time(lambda: journal.insert(a_transfer()))
    proxy.heal()
    again = await once_available(lambda: journal.insert(a_transfer()))
    assert not again.created  # it had been committed: so it is neither sent again nor lost


async def test_a_silent_network_is_given_up_in_time(proxied: tuple[Journal, FaultyProxy]) -> None:
    journal, proxy = proxied
    proxy.go_silent()
    await asyncio.gather(
        refused_in_time(lambda: journal.insert(a_transfer())),
        refused_in_time(lambda: journal.find(key_of("1234abcd"))),
        refused_in_time(lambda: journal.next_due(ACME)),
    )
    proxy.heal()
    assert (await once_available(lambda: journal.insert(a_transfer()))).created


async def test_a_cut_connection_fails_nobody_who_comes_after(proxied: tuple[Journal, FaultyProxy]) -> None:
    journal, proxy = proxied
    for number in range(20):
        await journal.insert(a_transfer(str(number)))
        proxy.cut()
        await once_available(partial(journal.find, key_of(str(number))))
    assert proxy.connections > 20


async def test_a_connection_that_is_used_all_the_time_is_replaced_by_its_age(
    proxied: tuple[Journal, FaultyProxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, proxy = proxied
    await journal.insert(a_transfer("1"))
    before = proxy.connections
    await journal.insert(a_transfer("2"))
    assert proxy.connections == before
    monkeypatch.setattr("gateway.journal.postgres.pool.MAX_AGE_S", 0.0)
    await journal.insert(a_transfer("3"))
    assert proxy.connections == before + 1


async def test_a_database_that_comes_back_is_not_stormed(proxied: tuple[Journal, FaultyProxy]) -> None:
    journal, proxy = proxied
    proxy.accepting = False
    proxy.cut()
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline:
        await refused_in_time(journal.check_writable)
    proxy.heal()
    connections = proxy.connections
    await once_available(journal.check_writable)
    assert proxy.connections == connections + 1


async def test_writers_that_wait_are_all_told(proxied: tuple[Journal, FaultyProxy]) -> None:
    journal, proxy = proxied
    proxy.go_silent()
    writes = [asyncio.create_task(journal.insert(a_transfer(str(number)))) for number in range(1000)]
    _, waiting = await asyncio.wait(writes, timeout=PATIENCE_S)
    assert not waiting
    assert {type(write.exception()) for write in writes} == {JournalUnavailable}


@asynccontextmanager
async def all_connections_taken(url: str) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        with suppress(asyncpg.TooManyConnectionsError):
            while True:
                connection = await asyncpg.connect(url)
                stack.push_async_callback(connection.close)
        yield


async def test_a_server_without_a_free_connection_is_unavailable_until_it_has_one(
    own_journals: Journals, server: PostgresServer
) -> None:
    journal = await own_journals.open()
    async with all_connections_taken(server.url):
        assert "too many" in await refused_in_time(journal.check_writable)
    await once_available(journal.check_writable)


async def refusal_of(do: Callable[[int], Awaitable[object]]) -> str:
    """How the first of many is refused."""
    for number in range(100_000):
        try:
            await do(number)
        except JournalUnavailable as error:
            return str(error)
    raise AssertionError("never refused")


async def administer(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def test_a_server_that_turns_read_only_is_left_until_it_takes_writes(
    own_journals: Journals, server: PostgresServer
) -> None:
    journal = await own_journals.open()
    await journal.insert(a_transfer("before"))
    await administer(server.url, "ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
    try:
        assert "read-only" in await refusal_of(lambda number: journal.insert(a_transfer(str(number))))
    finally:
        await administer(
            server.url,
            "SET default_transaction_read_only = off",
            "ALTER SYSTEM RESET default_transaction_read_only",
            "SELECT pg_reload_conf()",
        )
    assert (await once_available(lambda: journal.insert(a_transfer("after")))).created


FULL_DISK = """
CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full';
END $$;
CREATE TRIGGER no_space BEFORE INSERT ON transfers FOR EACH ROW EXECUTE FUNCTION no_space()"""


async def test_a_full_disk_refuses_writes_until_there_is_space(journals: Journals) -> None:
    journal = await journals.open()
    await administer(journals.shelf.url, FULL_DISK)
    assert "No space left" in await refused_in_time(lambda: journal.insert(a_transfer()))
    assert await journal.find(key_of("1234abcd")) is None
    await administer(journals.shelf.url, "DROP TRIGGER no_space ON transfers")
    assert (await journal.insert(a_transfer())).created


async def test_a_lock_that_somebody_keeps_is_waited_for_in_bounds(journals: Journals) -> None:
    journal = await journals.open(**QUICK)
    await put(journal, a_transfer(state=State.HELD))
    change = a_change(key_of("1234abcd"), State.CONFIRMING)
    somebody = await asyncpg.connect(journals.shelf.url)
    try:
        async with somebody.transaction():
            await somebody.execute("SELECT FROM transfers FOR UPDATE")
            assert "lock" in await refused_in_time(lambda: journal.change(change))
    finally:
        await somebody.close()
    assert (await journal.change(change)).moved


async def test_a_list_that_takes_too_long_is_stopped_on_the_server(
    journals: Journals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.journal.postgres.reads.LIST_TIME_FACTOR", 1)
    journal = await journals.open(**QUICK)
    somebody = await asyncpg.connect(journals.shelf.url)
    try:
        async with somebody.transaction():
            await somebody.execute("LOCK TABLE transfers")
            said = await refused_in_time(lambda: journal.list_transfers(TransferFilter(), limit=1))
            assert "statement timeout" in said
    finally:
        await somebody.close()
    assert await journal.list_transfers(TransferFilter(), limit=1) == []
