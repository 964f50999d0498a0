"""One gateway per file: a lock beside it, held as long as the process lives."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.journal.interface import JournalMisconfigured

_PRIVATE = 0o600


@contextmanager
def locked(path: str) -> Iterator[None]:
    """Holds `<path>.lock`, and sees to it that nobody but its owner can read a journal that is made at `path`.

    The lock is a file of its own, since closing any handle of the journal's file would drop SQLite's own locks on it;
    the kernel lets go of it however the process ends. Raises `JournalMisconfigured` if another process (which the
    text names) holds it, or if there can be no file.
    """
    handle = _opened(path, f"{path}.lock")
    try:
        _lock(handle, path)
        os.close(_opened(path, path))
        yield
    finally:
        os.close(handle)


def _opened(journal: str, path: str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE)
    except OSError as error:
        raise JournalMisconfigured(f"the journal {journal} cannot be opened: {error.strerror}: {path}") from None


def _lock(handle: int, path: str) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(handle, 32, 0).decode(errors="replace")
        raise JournalMisconfigured(
            f"the journal {path} is in use by process {holder}: one SQLite file serves one gateway; stop the other, or "
            "use PostgreSQL for several"
        ) from None
    os.ftruncate(handle, 0)
    os.pwrite(handle, str(os.getpid()).encode(), 0)
