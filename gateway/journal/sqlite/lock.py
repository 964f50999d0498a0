"""One gateway per file: a lock beside it, held as long as the process lives."""

from __future__ import annotations

import fcntl
import os

from gateway.journal.interface import JournalMisconfigured, JournalUnavailable


class FileLock:
    """Locks `<path>.lock`; the kernel lets go of it however the process ends.

    A file of its own, since closing any handle of the journal's file would drop SQLite's own locks on it.
    Raises `JournalMisconfigured` if another process (named in the text) holds it.
    """

    def __init__(self, path: str) -> None:
        try:
            self._handle = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise JournalUnavailable(f"opening failed: {error.strerror}: {path}.lock") from error
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._handle, 32, 0).decode(errors="replace").strip()
            os.close(self._handle)
            raise JournalMisconfigured(
                f"the journal {path} is in use by process {holder or '(unknown)'}: one SQLite file serves one gateway; "
                "stop the other, or use PostgreSQL for several"
            ) from None
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        os.close(self._handle)
