"""One line a call in the log, at the price of an encoding: none of what it holds is a secret, so none is looked for.

Through structlog's processors such a line costs as much as all the rest of the call; it looks the same as theirs
(docs/decisions/050-lean-answers.md).
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from math import modf
from typing import Final

import msgspec
import structlog

from gateway.http.addresses import Address, address_text
from gateway.settings import LogSettings

GATHERED_S: Final = 0.05
"""How long lines are gathered before they are written."""

_encode: Final = msgspec.json.Encoder().encode

log = structlog.get_logger(__name__)


class AccessLogLine(msgspec.Struct, frozen=True, kw_only=True):
    """A call that was answered. `operator` and `call` are empty where they are not known."""

    timestamp: str
    level: str = "info"
    event: str = "call"
    operator: str
    call: str
    outcome: str
    status: int
    took_ms: float
    address: str


class AccessLog:
    """Writes what was answered to standard error, in batches: a system call a line costs more than making the line."""

    def __init__(self, settings: LogSettings) -> None:
        self._wanted = logging.getLevelNamesMapping()[settings.level.upper()] <= logging.INFO
        self._for_machines = settings.format == "json"
        self._lines: list[bytes] = []
        self._second = (0, "")

    def call(self, operator: str, call: str, outcome: str, status: int, took_s: float, who: Address | None) -> None:
        """A call was answered."""
        if not self._wanted:
            return
        line = AccessLogLine(
            timestamp=self._now(),
            operator=operator,
            call=call,
            outcome=outcome,
            status=status,
            took_ms=round(1000 * took_s, 2),
            address=address_text(who),
        )
        if self._for_machines:
            self._write(line)
        else:
            fields = msgspec.structs.asdict(line)
            log.info(line.event, **{name: fields[name] for name in fields.keys() - {"timestamp", "level", "event"}})

    def _now(self) -> str:
        """As structlog writes it; all but the fraction is written out once a second."""
        fraction, second = modf(time.time())
        if self._second[0] != second:
            self._second = (int(second), datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S"))
        return f"{self._second[1]}.{int(1e6 * fraction):06d}Z"

    def _write(self, line: AccessLogLine) -> None:
        if not self._lines:
            asyncio.get_running_loop().call_later(GATHERED_S, self.flush)
        self._lines.append(_encode(line))

    def flush(self) -> None:
        """Writes what has been gathered."""
        lines, self._lines = self._lines, []
        with suppress(OSError, ValueError):  # a log that is gone or full stops no call
            sys.stderr.write(b"\n".join([*lines, b""]).decode())
            sys.stderr.flush()
