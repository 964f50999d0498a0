"""Logs: one line an event, as JSON for machines or readable for people, without secrets and without tracebacks.

Everything goes through structlog, also what libraries say through `logging`. An exception is told by its type and by
the places it passed; its own text stays out, since nobody knows what a library puts in there.
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
PLACES: Final = 12
"""How many of the places that an exception passed are told: the innermost ones."""

_SECRET_KEY: Final = re.compile(r"token|passw(or)?d|authorization|secret|signature|(^|[_-])key$", re.IGNORECASE)
_SAFE_KEYS: Final = frozenset({"event", "level", "timestamp", "operator", "id"})
_PLAIN: Final = frozenset({str, int, float, bool, type(None)})
_QUIET: Final = ("aiohttp.access", "asyncpg.pool")

Error = tuple[type[BaseException], BaseException, TracebackType | None]


class Redaction:
    """Takes secrets out: whatever stands under a key that sounds like one, and registered values wherever they are."""

    def __init__(self) -> None:
        self._secret: re.Pattern[str] | None = None

    def register(self, secrets: Iterable[str]) -> None:
        """The values that must not be seen from now on; they replace the former ones."""
        forms = {form for secret in secrets if len(secret) >= SHORTEST_SECRET for form in _forms(secret)}
        self._secret = re.compile("|".join(map(re.escape, sorted(forms, key=len, reverse=True)))) if forms else None

    def of_keys(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """A processor of events."""
        return {key: value if key in _SAFE_KEYS else _without_secrets(key, value) for key, value in event.items()}

    def of_values(self, _logger: WrappedLogger, _method: str, line: Any) -> str:
        """A processor of finished lines (texts), which costs less than looking at each value."""
        return self._secret.sub(REDACTED, line) if self._secret else str(line)


def _forms(secret: str) -> set[str]:
    """How a text may look in a finished line."""
    plain = {secret, _escaped(secret)}
    return plain | {repr(each)[1:-1] for each in plain} | {msgspec.json.encode(secret).decode()[1:-1]}


@lru_cache(maxsize=1024)
def _sounds_secret(key: str) -> bool:
    return _SECRET_KEY.search(key) is not None


def _without_secrets(key: str, value: Any) -> Any:
    if _sounds_secret(key):
        return REDACTED
    return value if type(value) in _PLAIN else _inner(value)


def _inner(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        return _inner(msgspec.structs.asdict(value))
    if isinstance(value, Mapping):
        return {str(key): _without_secrets(str(key), each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_without_secrets("", each) for each in value]
    return str(value)


_redaction: Final = Redaction()


def configure(
    level: Literal["debug", "info", "warning", "error"],
    form: Literal["json", "console"],
    secrets: Iterable[str] = (),
    stream: TextIO | None = None,
) -> None:
    """Sets logging up for the whole process, or changes it: `stream` is standard error if not given."""
    _redaction.register(secrets)
    out = sys.stderr if stream is None else stream
    least = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            exception_in_short,
            _redaction.of_keys,
            *_rendering(form, out),
            _redaction.of_values,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=_LineLogger(out),
        cache_logger_on_first_use=False,  # a reload may change the level
    )
    _take_over_logging(least)


def exception_in_short(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Puts an exception's type and the places it passed, innermost first, in the place of `exc_info`."""
    error = _error_of(event.pop("exc_info", None))
    if error is not None:
        kind, value, passed = error
        event["raised"] = f"{kind.__name__}: {value.strerror}" if isinstance(value, OSError) else kind.__name__
        frames = traceback.extract_tb(passed)[-PLACES:]
        event["where"] = [f"{_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in reversed(frames)]
    return event


def _error_of(exc_info: Any) -> Error | None:
    if isinstance(exc_info, BaseException):
        return type(exc_info), exc_info, exc_info.__traceback__
    found = exc_info if isinstance(exc_info, tuple) else sys.exc_info() if exc_info else None
    return found if found is not None and found[0] is not None else None


def _short(filename: str) -> str:
    return "/".join(Path(filename).parts[-3:])


def _rendering(form: str, out: TextIO) -> list[Processor]:
    if form == "json":
        return [_as_json]
    return [_printable, structlog.dev.ConsoleRenderer(colors=out.isatty())]


def _as_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    first = {key: event.pop(key, None) for key in ("timestamp", "level", "event")}
    return msgspec.json.encode({**first, **event}, enc_hook=str).decode()


def _printable(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Nothing from outside may begin a new line or colour the terminal."""
    return {key: _escaped(value) if isinstance(value, str) else value for key, value in event.items()}


def _escaped(text: str) -> str:
    return text if text.isprintable() else text.encode("unicode_escape").decode()


class _LineLogger:
    """Where lines go: a structlog logger, and the factory of itself.

    A line that cannot be written is lost. Nobody's money may wait for a log that is gone or full.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def __call__(self, *_: Any) -> _LineLogger:
        return self

    def msg(self, line: str) -> None:
        with suppress(OSError, ValueError):
            self._out.write(f"{line}\n")
            self._out.flush()

    debug = info = warning = error = critical = msg


class _Routed(logging.Handler):
    """Hands the records of `logging` to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except (TypeError, ValueError):
            message = str(record.msg)
        log = structlog.get_logger()
        log.log(max(record.levelno, logging.DEBUG), message, logger=record.name, exc_info=record.exc_info)


def _take_over_logging(least: int) -> None:
    root = logging.getLogger()
    root.handlers[:] = [_Routed()]
    root.setLevel(least)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
