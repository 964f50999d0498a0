"""A process whose files may not grow, until they may: what a full disk looks like from inside.

    python -m tests.support.journal_limited_child URL

Prints what became of the writes before the limit, under it, and after it was lifted.
"""

from __future__ import annotations

import asyncio
import resource
import sys

from gateway.clock import SystemClock
from gateway.journal import open_journal
from gateway.journal.interface import Journal, JournalUnavailable
from gateway.settings import JournalSettings
from gateway.telemetry.metrics import Metrics
from tests.support.journals import a_transfer, key_of


async def outcome(journal: Journal, id_: str) -> str:
    """Tries to open a big transfer; says what happened and what is there then."""
    try:
        await journal.insert(a_transfer(id_, description="x" * 50_000))
    except JournalUnavailable:
        return f"{id_}: refused, {'kept' if await journal.find(key_of(id_)) else 'not kept'}"
    return f"{id_}: written"


async def main(url: str) -> None:
    journal = await open_journal("default", JournalSettings(url=url), Metrics(), SystemClock())
    lines = [await outcome(journal, "before")]
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    lines += [await outcome(journal, f"full {number}") for number in range(3)]
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    lines += [await outcome(journal, f"after {number}") for number in range(3)]
    await journal.close()
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
