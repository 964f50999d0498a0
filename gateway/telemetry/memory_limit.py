"""How much memory this process may use, as its cgroup says."""

from __future__ import annotations

from pathlib import Path
from typing import Final

CGROUP_LIMITS: Final = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Version 2 of cgroups, and version 1 (Linux, Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst)."""

NO_LIMIT_FROM: Final = 1 << 60
"""Version 1 writes a number near the largest one where there is no limit."""


def memory_limit_bytes(files: tuple[Path, ...] = CGROUP_LIMITS) -> int | None:
    """The limit in bytes; None where there is none, or the system does not say."""
    for path in files:
        try:
            limit = int(path.read_text(encoding="ascii"))
        except (OSError, ValueError):  # no such file, or "max"
            continue
        return limit if limit < NO_LIMIT_FROM else None
    return None
