"""How many file descriptors the process may have, and whether its own limits of connections fit into that."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from gateway.settings import Settings

OF_ITS_OWN: Final = 64
"""For listeners, journals, name look-ups and logs."""

_LIMIT: Final = re.compile(r"^Max open files +(\d+)", re.MULTILINE)


def descriptor_advice(settings: Settings, limits: Path = Path("/proc/self/limits")) -> str | None:
    """That the limit is too low for this configuration; None if it is not, or nobody can say."""
    # Read, and not asked for: the unit forbids the system calls that change limits, and getrlimit may be one of them.
    try:
        found = _LIMIT.search(limits.read_text())
    except OSError:
        return None
    to_operators = sum(operator.limits.concurrency for operator in settings.operators.values())
    from_operators = 0 if settings.operators_server is None else settings.operators_server.max_connections
    wanted = settings.server.max_connections + from_operators + to_operators + OF_ITS_OWN
    if found is None or int(found[1]) >= wanted:
        return None
    ours = f"({settings.server.max_connections})"
    if from_operators:
        ours += f", operators_server.max_connections ({from_operators})"
    return (
        f"only {found[1]} file descriptors are allowed, and {wanted} may be wanted: server.max_connections "
        f"{ours} and the operators' limits.concurrency ({to_operators}) together; raise "
        "the limit (ulimit -n, LimitNOFILE=), or lower server.max_connections"
    )
