"""How long a player's newest transfers take to be listed from a SQLite journal full of finished ones.

    python -m tests.load.lists --rows 10000000

`tests.load.postgres_growth` measures the same in PostgreSQL. Ends with exit status 1 if the slowest list takes longer
than `AT_MOST_S`.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import msgspec

from bench.journals import clone
from gateway.journal.interface import Journal, Position, TransferFilter, position_of
from gateway.records import State, Timeline
from tests.support.journals import NOW, Journals, SqliteShelf, a_reason, a_transfer, an_attempt

ROWS: Final = 10_000_000
EACH: Final = 100
"""Transfers of each player."""

LISTS: Final = 200
PAGE: Final = 50
AT_MOST_S: Final = 0.05


class Listed(msgspec.Struct):
    """What listing took, in seconds: `LISTS` times the newest `PAGE` of some player, and the page behind them."""

    took_s: list[float]

    @property
    def slowest_s(self) -> float:
        return max(self.took_s)

    def __str__(self) -> str:
        median_s = statistics.median(self.took_s)
        return f"a player's newest {PAGE}      median {median_s * 1e3:6.3f} ms   slowest {self.slowest_s * 1e3:6.3f} ms"


async def measure_lists(journal: Journal, rows: int) -> Listed:
    """The two newest pages of players chosen by chance: nearly each lies where nobody has read before."""
    chance = random.Random(1)
    took_s: list[float] = []
    for _ in range(LISTS // 2):
        where = TransferFilter(player_id=f"player-{chance.randrange(rows // EACH)}")
        after: Position | None = None
        for _ in range(2):
            began = time.perf_counter()
            found = await journal.list_transfers(where, limit=PAGE, after=after)
            took_s.append(time.perf_counter() - began)
            assert all(transfer.session.player_id == where.player_id for transfer in found)
            after = position_of(found[-1])
    return Listed(took_s)


async def lists(folder: Path, rows: int) -> Listed:
    shelf = SqliteShelf(folder)
    await shelf.prepare()
    async with AsyncExitStack() as stack:
        journal = await Journals(shelf, stack).open()
        model = Timeline(
            transfer=a_transfer(state=State.CONFIRMED), attempts=[an_attempt(), an_attempt()], reasons=[a_reason()]
        )
        await journal.import_timeline(model)
    times = dict.fromkeys(("opened_at", "decided_at", "changed_at"), f"{NOW} - copy")
    clone(shelf.path, rows, {**times, "player_id": f"'player-' || (copy % {rows // EACH})"})
    async with AsyncExitStack() as stack:
        return await measure_lists(await Journals(shelf, stack).open(), rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--folder", type=Path, help="where the journal is made, and removed: it takes about 1 kB a row")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        listed = asyncio.run(lists(Path(folder), asked.rows))
    verdict = "ok" if listed.slowest_s <= AT_MOST_S else "too slow"
    sys.stdout.write(f"{listed}\nsqlite-lists: {verdict}: in {asked.rows:,} finished rows\n")
    return 0 if listed.slowest_s <= AT_MOST_S else 1


if __name__ == "__main__":
    sys.exit(main())
