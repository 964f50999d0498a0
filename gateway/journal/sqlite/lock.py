"""One gateway for one file: a lock file beside it, locked as long as the gateway runs."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.journal.interface import JournalMisconfigured

_PRIVATE = 0o600


@contextmanager
def hold_lock(path: str) -> Iterator[None]:
    """Locks `<path>.lock` for the length of the block, and makes the journal's file if there is none.

    The kernel releases the lock however the process ends. Raises `JournalMisconfigured` if another process holds it
    (the text has its process id), or if a file cannot be opened.
    """
    # A file of its own: closing any handle of the journal's file drops the POSIX locks that SQLite holds on it in this
    # process (sqlite.org/howtocorrupt.html, section 2.2).
    handle = _open(path, f"{path}.lock")
    try:
        _lock(handle, path)
        # Made here, readable by its owner only: SQLite would make it with the process's umask. SQLite gives its other
        # files, log and shared memory, the permissions of this one.
        os.close(_open(path, path))
        yield
    finally:
        os.close(handle)


def _open(journal: str, path: str) -> int:
    try:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _PRIVATE)
        except FileExistsError:
            return os.open(path, os.O_RDWR | os.O_CLOEXEC)
        # What root makes by a command must not keep the gateway's own user out
        # (test_a_file_that_root_makes_belongs_to_the_owner_of_its_folder).
        if os.geteuid() == 0:
            folder = Path(path).parent.stat()
            os.fchown(handle, folder.st_uid, folder.st_gid)
        return handle
    except OSError as error:
        raise JournalMisconfigured(f"the journal {journal} cannot be opened: {error.strerror}: {path}") from None


def _lock(handle: int, path: str) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(handle, 32, 0).decode(errors="replace")
        raise JournalMisconfigured(
            f"the journal {path} is in use by process {holder}: one SQLite file serves one gateway; stop the other "
            "process, or use PostgreSQL for several gateways"
        ) from None
    os.ftruncate(handle, 0)
    os.pwrite(handle, str(os.getpid()).encode(), 0)
