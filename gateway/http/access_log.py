"""The access log: one JSON line per call.

No field can hold a secret, so redaction is skipped: through structlog's processors a line costs 65 µs, as much as all
the rest of the call (docs/decisions/050-lean-answers.md). The lines look the same as structlog's.
"""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import UTC, datetime
from math import modf
from typing import Final
from zlib import crc32

import msgspec
import structlog

from gateway.http.addresses import Address, address_text
from gateway.printable import escaped_json
from gateway.settings import LogSettings
from gateway.telemetry import logs
from gateway.telemetry.call_context import CallContext
from gateway.telemetry.metrics import OK
from gateway.wire.errors import ErrorCode

FLUSH_AFTER_S: Final = 0.2
"""How long lines are collected before they are written together."""

_WARNINGS: Final = frozenset(
    {
        ErrorCode.OTHER,
        ErrorCode.ID_REUSED,
        ErrorCode.AMOUNT_DIFFERS,
        ErrorCode.UNKNOWN_TRANSFER,
        ErrorCode.OTHER_PLAYER,
        ErrorCode.PENDING,
        ErrorCode.UNCLEAR,
        ErrorCode.NOT_SENT,
        ErrorCode.RETIRING,
        ErrorCode.BAD_REQUEST,
        ErrorCode.UNAUTHORIZED,
    }
)
"""Answers of which a few are nothing, and many mean that something is wrong: at the operator, or at the game."""

_CRC_VALUES: Final = 2**32

_encode: Final = msgspec.json.Encoder().encode

log = structlog.get_logger(__name__)


class LineKind(msgspec.Struct, frozen=True):
    """What an outcome means for its line: the error's number (None for `ok`), and how severe it is."""

    error_code: int | None
    level: str
    severity: int


def _level_of(code: ErrorCode) -> str:
    if code is ErrorCode.JOURNAL_UNAVAILABLE:
        return "error"
    return "warning" if code in _WARNINGS else "info"


def _kind(code: int | None, level: str) -> LineKind:
    return LineKind(code, level, logging.getLevelNamesMapping()[level.upper()])


KINDS: Final = {OK: _kind(None, "info"), **{code.name.lower(): _kind(code, _level_of(code)) for code in ErrorCode}}
"""By outcome: `ok`, or the name of the error code in lower case."""


class LoggedCall(CallContext):
    """A call that the log tells of; `call` and `operator` are empty until they are known."""

    client: Address | None = None
    call = ""
    operator = ""


class AccessLogLine(msgspec.Struct, frozen=True):
    """A call that was answered. `operator`, `call`, `id` (mmTransactionId) and `player` are empty where they are not
    known. `operator_ms` is the part of `took_ms` that the operator took. `sampled` is the share of successes that have
    a line, where that is not all of them."""

    timestamp: str
    level: str
    event: str
    request_id: str
    operator: str
    call: str
    id: str
    player: str
    outcome: str
    error_code: int | None
    status: int
    took_ms: float
    operator_ms: float
    address: str
    instance: str
    trace_id: str | msgspec.UnsetType = msgspec.UNSET
    sampled: float | msgspec.UnsetType = msgspec.UNSET


class AccessLog:
    """Writes one line per answered call, in batches: handing a line over costs more than making it."""

    def __init__(self, settings: LogSettings, instance: str = "") -> None:
        self._least = logging.getLevelNamesMapping()[settings.level.upper()]
        self._is_json = settings.format == "json"
        self._instance = instance
        self._share = settings.successes
        self._sampled: float | msgspec.UnsetType = msgspec.UNSET if self._share is None else self._share
        self._output = logs.output()
        self._lines: list[bytes] = []
        self._second = (0, "")

    def call(self, call: LoggedCall, outcome: str, status: int, took_s: float) -> None:
        """Logs one answered call; `outcome` is `ok` or the name of the error code in lower case."""
        kind = KINDS[outcome]
        if kind.severity < self._least or (self._share is not None and self._leaves_out(call, outcome)):
            return
        line = AccessLogLine(  # by position: seventeen names would cost as much as the rest of the line
            self._timestamp(),
            kind.level,
            "call",
            call.request_id,
            call.operator,
            call.call,
            call.transfer,
            call.player,
            outcome,
            kind.error_code,
            status,
            int(100_000 * took_s) / 100,  # `round` would go by way of a text
            int(100_000 * call.operator_s) / 100,
            address_text(call.client),
            self._instance,
            call.trace_id or msgspec.UNSET,
            msgspec.UNSET if outcome != OK else self._sampled,
        )
        if not self._is_json:
            _log_for_people(line)
            return
        if not self._lines:
            asyncio.get_running_loop().call_later(FLUSH_AFTER_S, self.flush)
        self._lines.append(_encode(line))

    def _leaves_out(self, call: LoggedCall, outcome: str) -> bool:
        """Whether this success is not in the sample."""
        # By the transfer's id, not by chance: of a transfer all calls have their lines, at every gateway, or none.
        drawn = crc32((call.transfer or call.request_id).encode())
        return outcome == OK and self._share is not None and drawn >= self._share * _CRC_VALUES

    def _timestamp(self) -> str:
        """The time as structlog writes it. All but the fraction is formatted once a second."""
        fraction, second = modf(time.time())
        if self._second[0] != second:
            self._second = (int(second), datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S"))
        return f"{self._second[1]}.{int(1e6 * fraction):06d}Z"

    def flush(self) -> None:
        """Hands over the collected lines."""
        lines, self._lines = self._lines, []
        if lines:
            text = b"\n".join([*lines, b""])
            # A name of a player may turn the direction of writing. Asked once for all lines: nearly all are ASCII.
            self._output.write(text if text.isascii() else escaped_json(text.decode()).encode(), len(lines))


def _log_for_people(line: AccessLogLine) -> None:
    fields = {
        name: value
        for name, value in msgspec.structs.asdict(line).items()
        if name not in {"timestamp", "level", "event"} and value not in ("", None, msgspec.UNSET)
    }
    log.log(logging.getLevelNamesMapping()[line.level.upper()], line.event, **fields)
