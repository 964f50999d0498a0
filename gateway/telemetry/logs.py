"""Logs: one line per event, as JSON for machines or as text for people, without secrets and without tracebacks.

Everything goes through structlog, also what libraries log through `logging`. Of an exception, the type and the
innermost stack frames are logged. Its own text is left out, since a library may have put a secret into it
(docs/decisions/060-structlog.md). `docs/logs.md` lists the events; where lines go is in `output`.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, TextIO

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from gateway.printable import escaped, escaped_json
from gateway.telemetry.call_context import CALL
from gateway.telemetry.output import DirectOutput, LineOutput, QueuedOutput
from gateway.telemetry.redaction import Redaction
from gateway.telemetry.repeats import RepeatLimit

MAX_FRAMES: Final = 12
"""How many stack frames of an exception are logged: the innermost ones."""

LAST_LINES_S: Final = 2.0
"""How long a stop waits for the last lines to be written."""

_QUIET_LOGGERS: Final = ("aiohttp.access", "asyncpg.pool")

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


class _Destination:
    """Where the lines of this process go."""

    def __init__(self) -> None:
        self.output: LineOutput = DirectOutput()

    def write(self, lines: bytes, count: int = 1) -> None:
        self.output.write(lines, count)


_redaction: Final = Redaction()
_destination: Final = _Destination()


def configure(
    level: Literal["debug", "info", "warning", "error"],
    form: Literal["json", "console"],
    secrets: Iterable[str] = (),
    stream: TextIO | None = None,
    instance: str = "",
) -> None:
    """Sets up logging for the whole process, or changes it.

    `stream` is where lines are written from now on; without one that stays as it is, at first standard error.
    `instance` stands on every line.
    """
    register(secrets)
    if stream is not None:
        _destination.output = DirectOutput(stream)
    least = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            shorten_exception,
            RepeatLimit(),  # a former one still tells what it has left out
            _adder_of_context(instance),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _redaction.redact_keys,
            *_renderers(form, sys.stderr if stream is None else stream),
            _redaction.redact_values,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=_LineLogger(),
        cache_logger_on_first_use=False,  # a reload may change the level
    )
    _route_logging(least)


def register(secrets: Iterable[str]) -> None:
    """These texts are redacted from now on, instead of the former ones."""
    _redaction.register(secrets)


def begin_queue() -> None:
    """From now on standard error is written to by a thread, and no line makes its writer wait. `end_queue` ends it."""
    # A copy of the descriptor: whoever closes the original must not make the log write into what has its number next.
    _destination.output = QueuedOutput(os.dup(sys.stderr.fileno()), notice_of_dropped)


def end_queue(within_s: float = LAST_LINES_S) -> None:
    """Waits until the last lines are written, but no longer than that."""
    queue = _destination.output
    # Where they could not be written, nothing that follows may wait for the same reader: it is dropped.
    if isinstance(queue, QueuedOutput) and queue.close(within_s):
        _destination.output = DirectOutput()


def output() -> LineOutput:
    """Where the lines of this process go, now and after `configure`: for lines that are made without structlog."""
    return _destination


def redact(text: str) -> str:
    """The text without registered secrets."""
    return _redaction.redact(text)


def redact_line(line: str) -> str:
    """A line of JSON without registered secrets."""
    return _redaction.redact_line(line)


def redact_of_call(text: str, token: str) -> str:
    """A text of a call of the game without registered secrets and the call's own token."""
    return _redaction.redact_of_call(text, token)


def notice_of_dropped(count: int) -> bytes:
    """The line that stands where lines are missing. Made without structlog, by the thread that writes."""
    now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    line = {"timestamp": now, "level": "warning", "event": "log lines dropped", "lines": count}
    return msgspec.json.encode(line) + b"\n"


def shorten_exception(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """A structlog processor: replaces `exc_info` with the exception's type and its stack frames, innermost first."""
    exc_info = _exc_info_of(event.pop("exc_info", None))
    if exc_info is not None:
        kind, value, stack = exc_info
        # The cause of a system error ("No such file or directory") is the system's own text, without secrets.
        event["raised"] = f"{kind.__name__}: {value.strerror}" if isinstance(value, OSError) else kind.__name__
        frames = traceback.extract_tb(stack)[-MAX_FRAMES:]
        event["where"] = [f"{_short_path(frame.filename)}:{frame.lineno} {frame.name}" for frame in reversed(frames)]
    return event


def _exc_info_of(exc_info: Any) -> ExcInfo | None:
    if isinstance(exc_info, BaseException):
        return type(exc_info), exc_info, exc_info.__traceback__
    found = exc_info if isinstance(exc_info, tuple) else sys.exc_info() if exc_info else None
    return found if found is not None and found[0] is not None else None


def _short_path(filename: str) -> str:
    return "/".join(Path(filename).parts[-3:])


def _adder_of_context(instance: str) -> Callable[[WrappedLogger, str, EventDict], EventDict]:
    def add_context(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """A structlog processor: says of which call the event is, where the event does not say so itself."""
        call = CALL.get()
        if call is not None:
            for name, value in call.log_fields():
                event.setdefault(name, value)
        if instance:
            event.setdefault("instance", instance)
        return event

    return add_context


def _renderers(form: str, stream: TextIO) -> list[Processor]:
    if form == "json":
        return [_render_json]
    return [_escape_values, structlog.dev.ConsoleRenderer(colors=stream.isatty())]


def _render_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    first = {key: event.pop(key, None) for key in ("timestamp", "level", "event")}
    return escaped_json(msgspec.json.encode({**first, **event}, enc_hook=str).decode())


def _escape_values(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """A structlog processor: no text from outside may begin a new line or control the terminal."""
    return {key: _escape_within(value) for key, value in event.items()}


def _escape_within(value: Any) -> Any:
    match value:
        case str():
            return escaped(value)
        case list():
            return [*map(_escape_within, value)]
        case dict():
            return {key: _escape_within(each) for key, each in value.items()}
        case _:
            return value


class _LineLogger:
    """Writes lines where this process's lines go: a structlog logger, and its own factory."""

    def __call__(self, *_: Any) -> _LineLogger:
        return self

    def msg(self, line: str) -> None:
        _destination.write(f"{line}\n".encode("utf-8", "backslashreplace"))

    debug = info = warning = error = critical = msg


class _StructlogHandler(logging.Handler):
    """Passes the records of `logging` to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except (TypeError, ValueError):  # its arguments do not fit its format
            message = str(record.msg)
        log = structlog.get_logger()
        log.log(max(record.levelno, logging.DEBUG), message, logger=record.name, exc_info=record.exc_info)


def _route_logging(least: int) -> None:
    root = logging.getLogger()
    root.handlers[:] = [_StructlogHandler()]
    root.setLevel(least)
    for name in _QUIET_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
