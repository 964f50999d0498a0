"""Files that concern nobody but their owner: opened so that no link leads to another, and closed to everybody else."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Final

PRIVATE: Final = 0o600
OTHERS: Final = 0o077
"""What the group and everybody else may do."""

_REFUSED: Final = {
    errno.ELOOP: "it is a symbolic link; name the file itself",
    errno.ENXIO: "it is a pipe that nobody reads",
}


def open_itself(path: str | Path, flags: int, mode: int = PRIVATE) -> int:
    """A descriptor of the file with this name, and never of one that a link of this name leads to.

    `mode` is of a file that is made. Does not wait for somebody to read a pipe. Raises `OSError`.
    """
    try:
        handle = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, mode)
    except OSError as error:
        if error.errno in _REFUSED:
            raise OSError(error.errno, _REFUSED[error.errno], str(path)) from None
        raise
    os.set_blocking(handle, True)
    return handle


def require_regular(status: os.stat_result, path: str | Path) -> None:
    """Raises `OSError` for a pipe, a device or whatever else is not a file with a content of its own."""
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))


def others_may(status: os.stat_result) -> str | None:
    """The mode, such as "0644", of a file with which others than its owner may do something; None of any other."""
    mode = stat.S_IMODE(status.st_mode)
    return f"{mode:04o}" if stat.S_ISREG(status.st_mode) and mode & OTHERS else None


def take_from_others(path: str | Path, what: int = OTHERS) -> bool:
    """Takes from others what they may do with a file, as bits of a mode. False where this user cannot, or must not."""
    # Root may change any file, and the owner of a folder may put a link there that leads to one: what root changes must
    # belong to the folder's owner (test_root_changes_no_file_that_a_link_leads_to).
    owner = Path(path).parent.stat().st_uid if os.geteuid() == 0 else os.geteuid()
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(handle)
            if status.st_uid == owner:
                os.fchmod(handle, stat.S_IMODE(status.st_mode) & ~what)
            return status.st_uid == owner
        finally:
            os.close(handle)
    except OSError:  # not readable for this user, or on a file system that keeps no modes
        return False
