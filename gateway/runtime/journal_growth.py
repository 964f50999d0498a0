"""Says when the write-ahead log of a SQLite journal grows, and who holds it: a reader that somebody has forgotten."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import structlog

WARNED_FROM_BYTES: Final = 64 * 2**20
"""Far above what a log has that is moved into the file every few megabytes."""

PROCESSES: Final = Path("/proc")

log = structlog.get_logger(__name__)


class GrowthWatch:
    """Watches the log of one journal, whose file is at `path`."""

    def __init__(self, journal: str, path: str) -> None:
        self._journal = journal
        self._path = os.path.realpath(path)
        self._warn_from = WARNED_FROM_BYTES

    async def look(self, log_bytes: int | None) -> None:
        """Logs a warning if the log is long, and again each time it has doubled."""
        if log_bytes is None or log_bytes < self._warn_from:
            if log_bytes is not None and log_bytes < WARNED_FROM_BYTES:
                self._warn_from = WARNED_FROM_BYTES
            return
        self._warn_from = 2 * log_bytes
        # In a thread, since a machine may have thousands of processes.
        readers = await asyncio.to_thread(lambda: sorted(readers_of(self._path)))
        log.warning(
            "the journal's write-ahead log grows: a reader that does not end keeps it from being moved into the file",
            journal=self._journal,
            bytes=log_bytes,
            readers=readers or "not visible to this user; fuser or lsof, run by root, names them",
        )


def readers_of(path: str) -> Iterator[str]:
    """Other processes that have the journal open, as far as this user may see: `sqlite3 (4711)`."""
    wanted = {path, f"{path}-wal", f"{path}-shm"}
    for process in PROCESSES.glob("[0-9]*"):
        if process.name != str(os.getpid()) and wanted & set(_open_files(process)):
            yield f"{_name(process)} ({process.name})"


def _open_files(process: Path) -> Iterator[str]:
    try:
        for each in (process / "fd").iterdir():
            try:
                yield str(each.readlink())
            except OSError:  # closed meanwhile
                continue
    except OSError:  # another user's, or gone
        return


def _name(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return "?"
