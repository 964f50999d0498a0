"""One gateway for one file: a lock file beside it, locked as long as the gateway runs. Both are their owner's alone."""

from __future__ import annotations

import fcntl
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import structlog

from gateway.journal.interface import JournalMisconfigured
from gateway.private_files import open_itself, others_may, take_from_others

BESIDE: Final = ("-wal", "-shm", ".lock")
"""What the names of the files beside a journal end with. The first two are SQLite's, and hold the same rows."""

HOLDER_BYTES: Final = 10
_HOLDER: Final = re.compile(rb"\d{0,10} *")
"""What a lock file holds: the id of the process that had it last, filled up with spaces."""

log = structlog.get_logger(__name__)


@contextmanager
def hold_lock(path: str) -> Iterator[None]:
    """Locks `<path>.lock` for the length of the block, and makes the journal's file if there is none. What others may
    do with the journal's files is taken from them, and logged.

    The kernel releases the lock however the process ends. Raises `JournalMisconfigured` if another process holds it
    (the text has its process id), or if a file cannot be opened or has a second name.
    """
    path = _itself(path)
    # A file of its own: closing any handle of the journal's file drops the POSIX locks that SQLite holds on it in this
    # process (sqlite.org/howtocorrupt.html, section 2.2).
    handle = _open(path, f"{path}.lock", _open_lock)
    try:
        _lock(handle, path)
        _keep_private(path)
        yield
    finally:
        os.close(handle)


def _itself(path: str) -> str:
    """The file that a link of this name leads to: one file must have one lock, whatever it is called by."""
    if not Path(path).is_symlink():
        return path
    try:
        owner = Path(path).stat().st_uid
    except OSError as error:
        raise JournalMisconfigured(f"the journal {path} cannot be opened: {error.strerror}: {path}") from None
    # The owner of a folder may put a link there for root to follow
    # (test_root_changes_no_file_that_a_link_leads_to).
    if os.geteuid() == 0 and owner != Path(path).parent.stat().st_uid:
        raise JournalMisconfigured(
            f"the journal {path} is a link to a file of another user than its folder's; name the file itself"
        )
    return os.path.realpath(path)


def _keep_private(path: str) -> None:
    # Made here, readable by its owner only: SQLite would make it with the process's umask. SQLite gives its other
    # files, log and shared memory, the permissions of this one; but those that were copied have their own.
    os.close(_open(path, path, _open_journal))
    for each in (path, *(f"{path}{end}" for end in BESIDE)):
        with suppress(FileNotFoundError):
            status = Path(each).stat()
            _require_own(status, each)
            _require_writable(each)
            _take_from_others(status, each)


def _require_own(status: os.stat_result, path: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise JournalMisconfigured(f"the file {path} is not a regular file; move it away")
    # By its other name a second gateway could use the journal at the same time
    # (https://sqlite.org/howtocorrupt.html, section 2.5), and of a file beside it somebody else's would be written.
    if status.st_nlink > 1:
        raise JournalMisconfigured(
            f"the file {path} has a second name (a hard link): what is written to one is written to both; "
            "remove the other name, or put a copy here"
        )


def _require_writable(path: str) -> None:
    # SQLite itself would open a file that it may only read, and say so at the first write
    # (test_a_log_of_another_user_is_refused_at_the_start).
    if not os.access(path, os.R_OK | os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        raise JournalMisconfigured(f"the file {path} is not writable by this user; give it to the gateway's user")


def _take_from_others(status: os.stat_result, path: str) -> None:
    """Must come before SQLite opens the file, as `hold_lock` says."""
    mode = others_may(status)
    if mode is None:
        return
    if take_from_others(path):
        log.warning("others could open a file of the journal: they no longer can", file=path, mode=mode)
    else:
        log.warning("others can open a file of the journal, and it belongs to another user", file=path, mode=mode)


def _open_journal(path: str) -> int:
    return os.open(path, os.O_RDWR | os.O_CLOEXEC)


def _open_lock(path: str) -> int:
    return open_itself(path, os.O_RDWR)


def _open(journal: str, path: str, open_known: Callable[[str], int]) -> int:
    """Makes the file, or opens the one that is there."""
    try:
        try:
            handle = open_itself(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        except FileExistsError:
            return open_known(path)
        # What root makes by a command must not keep the gateway's own user out
        # (test_a_file_that_root_makes_belongs_to_the_owner_of_its_folder).
        if os.geteuid() == 0:
            folder = Path(path).parent.stat()
            os.fchown(handle, folder.st_uid, folder.st_gid)
        return handle
    except OSError as error:
        raise JournalMisconfigured(f"the journal {journal} cannot be opened: {error.strerror}: {path}") from None


def _lock(handle: int, path: str) -> None:
    status = os.fstat(handle)
    holder = os.pread(handle, 2 * HOLDER_BYTES, 0) if stat.S_ISREG(status.st_mode) else b"?"
    if not _HOLDER.fullmatch(holder):
        # Whatever else lies there is somebody's, and the lock would overwrite it.
        raise JournalMisconfigured(
            f"{path}.lock is not the lock file of a journal: it holds something else; move it away, and start again"
        )
    _require_own(status, f"{path}.lock")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise JournalMisconfigured(
            f"the journal {path} is in use by process {holder.decode().strip()}: one SQLite file serves one gateway; "
            "stop the other process, or use PostgreSQL for several gateways"
        ) from None
    os.pwrite(handle, b"%-*d" % (HOLDER_BYTES, os.getpid()), 0)
