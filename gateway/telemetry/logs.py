"""Logs: one line per event, as JSON for machines or as text for people, without secrets and without tracebacks.

Everything goes through structlog, also what libraries log through `logging`. Of an exception, the type and the
innermost stack frames are logged. Its own text is left out, since a library may have put a secret into it
(docs/decisions/060-structlog.md).
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, TextIO

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from gateway.secrets import SHORTEST_SECRET

REDACTED: Final = "***"
MAX_FRAMES: Final = 12
"""How many stack frames of an exception are logged: the innermost ones."""

_SECRET_KEY: Final = re.compile(r"token|passw(or)?d|authorization|secret|signature|(^|[_-])key$", re.IGNORECASE)
_SAFE_KEYS: Final = frozenset({"event", "level", "timestamp", "operator", "id"})
_PLAIN_TYPES: Final = frozenset({str, int, float, bool, type(None)})
_QUIET_LOGGERS: Final = ("aiohttp.access", "asyncpg.pool")

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


class Redaction:
    """Replaces secrets: every value under a key that sounds secret, and registered secrets wherever they occur."""

    def __init__(self) -> None:
        self._secret: re.Pattern[str] | None = None

    def register(self, secrets: Iterable[str]) -> None:
        """Redacts these texts from now on, instead of the former ones. Texts under `SHORTEST_SECRET` are ignored."""
        spellings = {text for secret in secrets if len(secret) >= SHORTEST_SECRET for text in _spellings(secret)}
        # The longest first: a secret that begins with another one must be replaced as a whole.
        longest_first = sorted(spellings, key=len, reverse=True)
        self._secret = re.compile("|".join(map(re.escape, longest_first))) if spellings else None

    def redact_keys(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """A structlog processor of events: redacts values under keys that sound secret."""
        return {key: value if key in _SAFE_KEYS else _redact(key, value) for key, value in event.items()}

    def redact_values(self, _logger: WrappedLogger, _method: str, line: Any) -> str:
        """A structlog processor of finished lines (texts): redacts registered secrets.

        One search in the line costs half of a search in each value.
        """
        return self._secret.sub(REDACTED, line) if self._secret else str(line)


def _spellings(secret: str) -> set[str]:
    """How a text may be written in a finished line: as it is, escaped, as a Python literal, as JSON."""
    plain = {secret, _escape(secret)}
    return plain | {repr(each)[1:-1] for each in plain} | {msgspec.json.encode(secret).decode()[1:-1]}


@lru_cache(maxsize=1024)
def _is_secret_key(key: str) -> bool:
    return _SECRET_KEY.search(key) is not None


def _redact(key: str, value: Any) -> Any:
    if _is_secret_key(key):
        return REDACTED
    return value if type(value) in _PLAIN_TYPES else _redact_within(value)


def _redact_within(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        return _redact_within(msgspec.structs.asdict(value))
    if isinstance(value, Mapping):
        return {str(key): _redact(str(key), each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redact("", each) for each in value]
    return str(value)


_redaction: Final = Redaction()


def configure(
    level: Literal["debug", "info", "warning", "error"],
    form: Literal["json", "console"],
    secrets: Iterable[str] = (),
    stream: TextIO | None = None,
) -> None:
    """Sets up logging for the whole process, or changes it. `stream` is standard error if not given."""
    _redaction.register(secrets)
    out = sys.stderr if stream is None else stream
    least = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            shorten_exception,
            _redaction.redact_keys,
            *_renderers(form, out),
            _redaction.redact_values,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=_LineLogger(out),
        cache_logger_on_first_use=False,  # a reload may change the level
    )
    _route_logging(least)


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


def _renderers(form: str, out: TextIO) -> list[Processor]:
    if form == "json":
        return [_render_json]
    return [_escape_values, structlog.dev.ConsoleRenderer(colors=out.isatty())]


def _render_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    first = {key: event.pop(key, None) for key in ("timestamp", "level", "event")}
    return msgspec.json.encode({**first, **event}, enc_hook=str).decode()


def _escape_values(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """A structlog processor: no text from outside may begin a new line or control the terminal."""
    return {key: _escape(value) if isinstance(value, str) else value for key, value in event.items()}


def _escape(text: str) -> str:
    return text if text.isprintable() else text.encode("unicode_escape").decode()


class _LineLogger:
    """Writes lines to a stream: a structlog logger, and its own factory."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def __call__(self, *_: Any) -> _LineLogger:
        return self

    def msg(self, line: str) -> None:
        # A line that cannot be written is lost: no call may fail or wait because a log is gone or full.
        with suppress(OSError, ValueError):
            self._out.write(f"{line}\n")
            self._out.flush()

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
