"""A process that writes to a journal and says what is durable, until it is killed.

    python -m tests.support.journal_child URL

Prints the id of each transfer once its write has returned, and its revision after each change.
"""

from __future__ import annotations

import asyncio
import sys
from itertools import count

from gateway.clock import SystemClock
from gateway.journal import open_journal
from gateway.journal.interface import Journal
from gateway.records import State
from gateway.settings import JournalSettings
from gateway.telemetry.metrics import Metrics
from tests.support.journals import a_change, a_transfer, an_attempt

WRITERS = 20


async def write(journal: Journal, writer: int) -> None:
    """Opens one transfer after another and changes each, never finishing."""
    for number in count():
        transfer = a_transfer(f"{writer}-{number}")
        await journal.insert(transfer)
        say(transfer.id, 0)
        await journal.change(a_change(transfer.key, State.HELD, attempt=an_attempt()))
        say(transfer.id, 1)


def say(id_: str, revision: int) -> None:
    sys.stdout.write(f"{id_} {revision}\n")
    sys.stdout.flush()


async def main(url: str) -> None:
    """Writes until killed."""
    journal = await open_journal("default", JournalSettings(url=url), Metrics(), SystemClock())
    await asyncio.gather(*(write(journal, writer) for writer in range(WRITERS)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
