"""Times as people write and read them: UTC, ISO 8601."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import typer

from gateway.settings.values import parse_duration


def parse_time(text: str) -> float:
    """The Unix seconds of ``2026-01-31T08:00Z`` (UTC if it names no zone), ``2026-01-31``, or ``2h`` (so long ago).

    Raises `typer.BadParameter`.
    """
    try:
        return time.time() - parse_duration(text)
    except ValueError:
        pass
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is not a time; write e.g. 2026-01-31T08:00Z, or 2h for two hours ago"
        ) from None
    return (given if given.tzinfo else given.replace(tzinfo=UTC)).timestamp()


def time_text(at: float | None) -> str:
    """``2026-01-31T08:00:00.123Z``; empty for None."""
    if at is None:
        return ""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
