"""The whole program, whose wall clock and memory limit a test moves, and whose queues are short.

    python -m tests.monitoring.odd_gateway serve --config FILE

What a test can do to a machine only as root, or only with thousands of clients, is moved here at the lowest place there
is: the clock's reading, the path of the cgroup's file, and how many writes and log lines may wait. `WORLD` names the
folder.
"""

from __future__ import annotations

import mmap
import os
import struct
import time
from pathlib import Path
from typing import Final

from gateway.cli import main
from gateway.clock import SystemClock
from gateway.journal.group_commit import GroupCommit
from gateway.telemetry.memory_limit import memory_limit_bytes
from gateway.telemetry.output import QueuedOutput

WORLD: Final = "MM_TEST_WORLD"
WRITES_WAITING_LIMIT: Final = 48
LOG_BYTES_WAITING_LIMIT: Final = 32 * 1024
_SECONDS: Final = struct.Struct("d")


class World:
    """The folder's files, as the test writes them."""

    def __init__(self, folder: Path) -> None:
        self._clock_file = folder / "clock"
        self.memory_limit_file = folder / "memory.max"

    def set_clock(self, ahead_s: float) -> None:
        """The gateway's wall clock differs by so many seconds from now on. In place: the gateway has the file open."""
        if not self._clock_file.exists():
            self._clock_file.write_bytes(_SECONDS.pack(0))
        with self._clock_file.open("r+b") as file:
            file.write(_SECONDS.pack(ahead_s))

    def set_memory_limit(self, limit: int | None) -> None:
        """In bytes; None for no limit."""
        self.memory_limit_file.write_text("max\n" if limit is None else f"{limit}\n")

    def move_clock(self) -> None:
        """In the gateway: reads the file at every look at the clock."""
        with self._clock_file.open("rb") as file:
            ahead = mmap.mmap(file.fileno(), _SECONDS.size, access=mmap.ACCESS_READ)
        SystemClock.now = staticmethod(lambda: time.time() + _SECONDS.unpack(ahead)[0])


if __name__ == "__main__":
    world = World(Path(os.environ[WORLD]))
    world.move_clock()
    memory_limit_bytes.__defaults__ = ((world.memory_limit_file,),)
    GroupCommit.__init__.__defaults__ = (WRITES_WAITING_LIMIT,)
    QueuedOutput.__init__.__defaults__ = (LOG_BYTES_WAITING_LIMIT,)
    main()
