"""How many file descriptors the process may have, and how many connections of each listener fit into that."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from gateway.settings import Settings

OF_ITS_OWN: Final = 64
"""For listeners, journals, name look-ups and logs."""

LIMITS: Final = Path("/proc/self/limits")

GAME: Final = "server.max_connections"
OPERATORS: Final = "operators_server.max_connections"
ADMIN: Final = "admin.max_connections"

_LIMIT: Final = re.compile(r"^Max open files +(\d+)", re.MULTILINE)


def descriptor_advice(settings: Settings, limits: Path = LIMITS) -> str | None:
    """That the limit is too low for this configuration; None if it is not, or nobody can say."""
    allowed = _allowed(limits)
    to_operators = _to_operators(settings)
    wanted = _connections(settings) | {"the operators' limits.concurrency": to_operators}
    total = sum(wanted.values()) + OF_ITS_OWN
    if allowed is None or allowed >= total:
        return None
    parts = ", ".join(f"{name} ({count})" for name, count in wanted.items())
    fitted = ", ".join(f"{name}: {count}" for name, count in _connections(fit(settings, limits)).items())
    return (
        f"only {allowed} file descriptors are allowed, and {total} may be wanted: {parts} together; raise the limit "
        f"(ulimit -n, LimitNOFILE=), or lower server.max_connections; until then, so many are accepted: {fitted}"
    )


def fit(settings: Settings, limits: Path = LIMITS) -> Settings:
    """The settings with as many connections for each listener as there are descriptors for.

    Each listener has a part of its own, so that whoever fills one takes nothing from another, nor from the connections
    to operators. What is wanted and does not fit is lowered: the admin listener has at most an eighth, the operators'
    listener a quarter, and the game what remains.
    """
    allowed = _allowed(limits)
    wanted = _connections(settings)
    if allowed is None:
        return settings
    free = max(0, allowed - OF_ITS_OWN)
    free -= min(_to_operators(settings), free // 2)
    if sum(wanted.values()) <= free:
        return settings
    rest, parts = free, {}
    for name, divisor in ((ADMIN, 8), (OPERATORS, 4), (GAME, 1)):
        if name in wanted:
            parts[name] = max(1, min(wanted[name], free // divisor, rest))
            rest -= parts[name]
    update: dict[str, object] = {
        "server": settings.server.model_copy(update={"max_connections": parts[GAME]}),
        "admin": settings.admin.model_copy(update={"max_connections": parts[ADMIN]}),
    }
    if settings.operators_server is not None:
        server = settings.operators_server
        update["operators_server"] = server.model_copy(update={"max_connections": parts[OPERATORS]})
    return settings.model_copy(update=update)


def _connections(settings: Settings) -> dict[str, int]:
    """How many connections each listener may have, by the key that says so."""
    operators = settings.operators_server
    return {
        GAME: settings.server.max_connections,
        **({} if operators is None else {OPERATORS: operators.max_connections}),
        ADMIN: settings.admin.max_connections,
    }


def _to_operators(settings: Settings) -> int:
    return sum(operator.limits.concurrency for operator in settings.operators.values())


def _allowed(limits: Path) -> int | None:
    # Read, and not asked for: the unit forbids the system calls that change limits, and getrlimit may be one of them.
    try:
        found = _LIMIT.search(limits.read_text())
    except OSError:
        return None
    return None if found is None else int(found[1])
