"""Files of a deployment that more users of the machine can read than should: secrets, private keys, journals."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from gateway.private_files import others_may

_HANDED_OVER: Final = ("/run/secrets/", "/run/credentials/")
"""Where containers and systemd lay secrets for one service alone, with modes that its user did not choose."""


def exposed_secret(path: str) -> str | None:
    """That every user of this machine can read this file of a secret; None if not, or if it is not there."""
    if path.startswith(_HANDED_OVER):
        return None
    try:
        file = Path(path).resolve()
        status = file.stat()
        mode = stat.S_IMODE(status.st_mode)
        # A folder that nobody else may enter keeps them from all that is in it, whatever its mode.
        if not mode & stat.S_IROTH or not all(above.stat().st_mode & stat.S_IXOTH for above in file.parents):
            return None
    except (OSError, ValueError):
        return None
    return f"every user of this machine can read the file {path} (mode {mode:04o}); {_closing(path, status)}"


def _closing(path: str, status: os.stat_result) -> str:
    """How to take a file from everybody, with this user, whom the gateway probably runs as, still able to read it."""
    user = os.geteuid()
    if user == 0:  # it reads whatever the mode, and says nothing of whom the gateway runs as
        return f"chmod o= {path}, once the gateway's user may read it as its owner or by its group"
    if status.st_uid == user:
        return f"chmod 600 {path}"
    if status.st_mode & stat.S_IRGRP and status.st_gid in {os.getegid(), *os.getgroups()}:
        return f"chmod o= {path}"
    return f"chgrp {os.getegid()} {path} && chmod g=r,o= {path}"


def foreign_journal(path: str) -> Iterator[str]:
    """Which files of a SQLite journal at this path do not belong to the owner of its folder, whom the gateway runs as.
    Only root is told: everybody else is refused what they may not write."""
    if os.geteuid() != 0:
        return
    for file in (Path(f"{path}{end}") for end in ("", "-wal", "-shm", ".lock")):
        try:
            owner, wanted = file.stat().st_uid, file.absolute().parent.stat().st_uid
        except (OSError, ValueError):
            continue
        if owner != wanted:
            yield (
                f"{file} belongs to user {owner}, and its folder to user {wanted}: a gateway of that user cannot write "
                f"it; chown {wanted} {file}"
            )


def exposed_journal(path: str) -> Iterator[str]:
    """What others may read or write of a SQLite journal at this path."""
    for file in (Path(f"{path}{end}") for end in ("", "-wal", "-shm")):
        try:
            mode = others_may(file.stat())
        except (OSError, ValueError):
            continue
        if mode is not None:
            yield f"others than its owner may open {file} (mode {mode}), which holds sessions; chmod 600 {file}"
