"""Logs of a simulation: nothing is printed, but what should never be said is noted."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any, Final

import structlog

ALARMING: Final = frozenset(
    {
        "a call failed unexpectedly",
        "a connection failed",
        "a request failed",
        "background work ended by itself",
        "background work failed",
        "delivery failed",
        "reload failed",
    }
)
"""What the gateway says when something has happened that nobody had thought of."""

UNREADABLE: Final = frozenset({"DecodeError", "MoneyError", "ValidationError", "ValueError"})
"""What an adapter may raise over garbage; anything else is a fault of its own."""


@contextmanager
def noted(problems: list[str]) -> Iterator[None]:
    """Puts alarming lines into `problems`, and drops all others."""

    def note(_logger: Any, method: str, event: MutableMapping[str, Any]) -> str:
        surprised = event.get("event") == "adapter failed" and event.get("error") not in UNREADABLE
        if surprised or event.get("event") in ALARMING:
            problems.append(f"{method}: {event}")
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[note])
    try:
        yield
    finally:
        structlog.configure(**before)
