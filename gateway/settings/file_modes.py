"""Files of a deployment that more users of the machine can read than should: secrets, private keys, journals."""

from __future__ import annotations

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
        mode = stat.S_IMODE(file.stat().st_mode)
        # A folder that nobody else may enter keeps them from all that is in it, whatever its mode.
        if not mode & stat.S_IROTH or not all(above.stat().st_mode & stat.S_IXOTH for above in file.parents):
            return None
    except (OSError, ValueError):
        return None
    return f"every user of this machine can read the file {path} (mode {mode:04o}); chmod 600 {path}"


def exposed_journal(path: str) -> Iterator[str]:
    """What others may read or write of a SQLite journal at this path."""
    for file in (Path(f"{path}{end}") for end in ("", "-wal", "-shm")):
        try:
            mode = others_may(file.stat())
        except (OSError, ValueError):
            continue
        if mode is not None:
            yield f"others than its owner may open {file} (mode {mode}), which holds sessions; chmod 600 {file}"
