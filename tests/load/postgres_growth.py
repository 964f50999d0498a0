"""What a withdraw and a claim cost in a PostgreSQL journal full of finished transfers, against an empty one, and how
long a player's newest transfers take to be listed from it.

    python -m tests.load.postgres_growth --rows 10000000

Both journals lie on one server and take turns within one run; the figures are medians. Ends with exit status 1 if the
full journal costs more than `--at-most` times the other one, or if the slowest list takes longer than `AT_MOST_S`.
With `--index NAME` the other journal is full too, and lacks this index: so one sees what the index costs.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

import asyncpg
import msgspec

from gateway.clock import SystemClock
from gateway.journal import open_journal
from gateway.journal.copy import CopyableJournal
from gateway.journal.writes import Change, Claim
from gateway.money import money
from gateway.records import Fate, State
from gateway.settings import JournalSettings
from gateway.telemetry.metrics import Metrics
from tests.load.lists import AT_MOST_S, EACH, Listed, measure_lists
from tests.support.journals import ACME, NOW, a_session, a_transfer, an_attempt
from tests.support.postgres import PostgresServer
from tests.support.postgres_shelf import PostgresShelf

ROWS: Final = 10_000_000
ROUNDS: Final = 600
TOGETHER: Final = 32
AT_MOST: Final = 1.25
"""Pages of two indexes with entries in random places, by id and by player, are logged whole after a checkpoint."""

SERVER: Final = {"shared_buffers": "128MB", "max_wal_size": "8GB", "maintenance_work_mem": "512MB"}

# A finished transfer as the gateway leaves it: a random id, two tries. Indexes are built at the end, which is quicker.
FILL: Final = """
ALTER TABLE transfers DROP CONSTRAINT transfers_key;
ALTER TABLE attempts DROP CONSTRAINT attempts_pkey;
DROP INDEX transfers_opened, transfers_unfinished, transfers_finished, transfers_by_player;
INSERT INTO transfers (
    id, operator, direction, state, amount, currency, description, player_id, session, fingerprint, adopted, fate,
    tries, revision, opened_at, decided_at, changed_at, hold_balance, hold_currency, end_balance, end_currency
)
SELECT
    gen_random_uuid()::text, 'acme', 'withdraw', 'confirmed', '230', 'XAG', 'A sword',
    'player-' || number % {players},
    decode('00', 'hex') || convert_to('["' || repeat('t', 114) || '",{{}}]', 'UTF8'), repeat('f', 32), false,
    'taken', 1, 3, {now} - number, {now} - number,
    {now} - number, '51800', 'XAG', '51800', 'XAG'
FROM generate_series(1, {rows}) AS number;
INSERT INTO attempts (transfer, call, at, took_s, verdict, kind, detail, instance)
SELECT number, call, {now}, 0.1, 'success', '', '', 'instance-1'
FROM transfers, unnest(ARRAY['withdraw', 'confirmWithdrawal']) AS call;
ALTER TABLE transfers ADD CONSTRAINT transfers_key PRIMARY KEY (id, operator, direction);
ALTER TABLE attempts ADD CONSTRAINT attempts_pkey PRIMARY KEY (transfer, number);
CREATE INDEX transfers_opened ON transfers (opened_at);
CREATE INDEX transfers_unfinished ON transfers (operator, due_at)
    WHERE state IN ('sending', 'held', 'confirming', 'rolling_back', 'parked');
CREATE INDEX transfers_finished ON transfers (changed_at) WHERE state IN ('confirmed', 'rolled_back');
CREATE INDEX transfers_by_player ON transfers (player_id, opened_at)"""


class Measured(msgspec.Struct):
    """One thing's seconds in the full journal and in the other one."""

    name: str
    other_s: float
    full_s: float

    @property
    def ratio(self) -> float:
        return self.full_s / self.other_s

    def __str__(self) -> str:
        return (
            f"{self.name:<24} other {self.other_s * 1e3:7.3f} ms   full {self.full_s * 1e3:7.3f} ms   {self.ratio:.3f}"
        )


async def withdraw(journal: CopyableJournal) -> None:
    # Anybody's, as in a game: the entry of the index by player lies on another page each time.
    session = a_session(player_id=f"player-{random.randrange(ROWS // EACH)}")
    transfer = a_transfer(str(uuid4()), owner="instance-1", due_at=NOW + 30, session=session, opened_at=time.time())
    await journal.insert(transfer)
    held = Change(
        key=transfer.key,
        allowed=(State.SENDING,),
        to=State.HELD,
        at=NOW,
        fate=Fate.TAKEN,
        hold_balance=money("51800", "XAG"),
        attempt=an_attempt(),
    )
    assert (await journal.change(held)).moved


async def withdraws(journal: CopyableJournal) -> None:
    await asyncio.gather(*(withdraw(journal) for _ in range(TOGETHER)))


async def claim(journal: CopyableJournal) -> None:
    """Takes what is due, as often as that is."""
    now = time.time()
    claim = Claim(operator=ACME, owner="instance-1", now=now, lease_until=now, limit=TOGETHER)
    assert len(await journal.claim(claim)) == TOGETHER


async def make_due(journal: CopyableJournal) -> None:
    await asyncio.gather(
        *(journal.insert(a_transfer(str(uuid4()), state=State.ROLLING_BACK, due_at=NOW)) for _ in range(2 * TOGETHER))
    )


async def alternate(
    name: str,
    do: Callable[[CopyableJournal], Awaitable[None]],
    other: CopyableJournal,
    full: CopyableJournal,
    rounds: int,
) -> Measured:
    """Medians of as many turns each, which of the two comes first changing every time."""
    took: dict[int, list[float]] = {id(other): [], id(full): []}
    for turn in range(rounds):
        for journal in (other, full) if turn % 2 else (full, other):
            began = time.perf_counter()
            await do(journal)
            took[id(journal)].append(time.perf_counter() - began)
    return Measured(name, statistics.median(took[id(other)]), statistics.median(took[id(full)]))


async def fill(url: str, rows: int) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(FILL.format(rows=rows, now=NOW, players=rows // EACH))
        await connection.execute("VACUUM (ANALYZE)")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


async def drop(url: str, index: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"DROP INDEX {index}")
    finally:
        await connection.close()


async def growth(server: str, rows: int, rounds: int, index: str | None) -> tuple[list[Measured], Listed]:
    """Fills one of two journals on the server and measures both; with an `index` fills both, and the other lacks it."""
    async with AsyncExitStack() as stack:
        shelves = [PostgresShelf(Path(), server) for _ in range(2)]
        for shelf in shelves:
            await shelf.prepare()
            stack.push_async_callback(shelf.discard)
        await fill(shelves[1].url, rows)
        if index is not None:
            await fill(shelves[0].url, rows)
            await drop(shelves[0].url, index)
        return await measure([shelf.url for shelf in shelves], rows, rounds)


async def measure(urls: Sequence[str], rows: int, rounds: int) -> tuple[list[Measured], Listed]:
    """The other journal's URL comes first."""
    async with AsyncExitStack() as stack:
        other, full = [await open_at(url, stack) for url in urls]
        for journal in (other, full):
            await make_due(journal)
            await withdraws(journal)
        logged = await log_of(urls[1], withdraws, other), await log_of(urls[1], withdraws, full)
        sys.stdout.write(f"log of a withdraw        other {logged[0]:5.0f} bytes   full {logged[1]:5.0f} bytes\n")
        return [
            await alternate("one withdraw", withdraw, other, full, rounds),
            await alternate(f"{TOGETHER} withdraws at once", withdraws, other, full, rounds // 4),
            await alternate(f"a claim of {TOGETHER}", claim, other, full, rounds),
        ], await measure_lists(full, rows)


async def log_of(url: str, do: Callable[[CopyableJournal], Awaitable[None]], journal: CopyableJournal) -> float:
    """Bytes of write-ahead log for each of what `do` does `TOGETHER` of. The median, since the first change of a page
    after a checkpoint logs all of it."""
    connection = await asyncpg.connect(url)
    try:
        sizes = []
        for _ in range(ROUNDS // 4):
            began = await connection.fetchval("SELECT pg_current_wal_insert_lsn()")
            await do(journal)
            sizes.append(await connection.fetchval("SELECT pg_current_wal_insert_lsn() - $1::pg_lsn", began))
        return float(statistics.median(sizes)) / TOGETHER
    finally:
        await connection.close()


async def open_at(url: str, stack: AsyncExitStack) -> CopyableJournal:
    journal = await open_journal("default", JournalSettings(url=url), Metrics(), SystemClock())
    stack.push_async_callback(journal.close)
    return journal


@contextmanager
def database(url: str | None) -> Iterator[str]:
    """The one at `url`, or one on a server of its own."""
    if url:
        yield url
        return
    server = PostgresServer.start(Path(tempfile.gettempdir()), settings=SERVER)
    try:
        yield server.url
    finally:
        server.remove()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--at-most", type=float, default=AT_MOST)
    parser.add_argument("--index", metavar="NAME", help="measure what this index costs, by its absence")
    parser.add_argument("--url", help="of a database to use instead of a server that is started here")
    asked = parser.parse_args()
    with database(asked.url) as url:
        measured, listed = asyncio.run(growth(url, asked.rows, asked.rounds, asked.index))
    sys.stdout.writelines(f"{one}\n" for one in (*measured, listed))
    worst = max(one.ratio for one in measured)
    ok = worst <= asked.at_most and listed.slowest_s <= AT_MOST_S
    against = f"{asked.rows:,} without {asked.index}" if asked.index else "an empty journal"
    sys.stdout.write(
        f"postgres-growth: {'ok' if ok else 'too much'}: "
        f"{asked.rows:,} finished rows cost {worst:.3f} times {against}\n"
    )
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
