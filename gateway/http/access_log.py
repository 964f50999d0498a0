"""The access log: one JSON line per call.

No field can hold a secret, so redaction is skipped: through structlog's processors a line costs 65 µs, as much as all
the rest of the call (docs/decisions/050-lean-answers.md). The lines look the same as structlog's.
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

FLUSH_AFTER_S: Final = 0.05
"""How long lines are collected before they are written together."""

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
    """Writes one line per answered call to standard error, in batches: a system call costs more than making a line."""

    def __init__(self, settings: LogSettings) -> None:
        self._enabled = logging.getLevelNamesMapping()[settings.level.upper()] <= logging.INFO
        self._is_json = settings.format == "json"
        self._lines: list[bytes] = []
        self._second = (0, "")

    def call(self, operator: str, call: str, outcome: str, status: int, took_s: float, client: Address | None) -> None:
        """Logs one answered call; `outcome` is `ok` or the name of the error code in lower case."""
        if not self._enabled:
            return
        line = AccessLogLine(
            timestamp=self._timestamp(),
            operator=operator,
            call=call,
            outcome=outcome,
            status=status,
            took_ms=round(1000 * took_s, 2),
            address=address_text(client),
        )
        if self._is_json:
            self._write(line)
        else:
            fields = msgspec.structs.asdict(line)
            log.info(line.event, **{name: fields[name] for name in fields.keys() - {"timestamp", "level", "event"}})

    def _timestamp(self) -> str:
        """The time as structlog writes it. All but the fraction is formatted once a second."""
        fraction, second = modf(time.time())
        if self._second[0] != second:
            self._second = (int(second), datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S"))
        return f"{self._second[1]}.{int(1e6 * fraction):06d}Z"

    def _write(self, line: AccessLogLine) -> None:
        if not self._lines:
            asyncio.get_running_loop().call_later(FLUSH_AFTER_S, self.flush)
        self._lines.append(_encode(line))

    def flush(self) -> None:
        """Writes the collected lines."""
        lines, self._lines = self._lines, []
        # A log that is gone or full must not stop a call: test_a_log_that_is_gone_stops_no_call.
        with suppress(OSError, ValueError):
            sys.stderr.write(b"\n".join([*lines, b""]).decode())
            sys.stderr.flush()
