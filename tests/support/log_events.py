"""Every event that the gateway's code can log, found in its source: what `docs/logs.md` must list."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from gateway.http.access_log import KINDS, AccessLogLine
from gateway.telemetry.audit import AuditLine
from tests.tidy.tree import modules

LEVELS: Final = {name: name for name in ("debug", "info", "warning", "error", "critical")} | {"exception": "error"}
OF_EVERY_LINE: Final = frozenset({"timestamp", "level", "event", "instance", "exc_info"})
"""What stands on all lines, and what becomes `raised` and `where`."""
OF_EXCEPTIONS: Final = ("raised", "where")


class Event(NamedTuple):
    """An event as a line has it: its text, its levels, and its own fields."""

    text: str
    levels: frozenset[str]
    fields: frozenset[str]


def events() -> dict[str, Event]:
    """All events by their text. One that is logged at several places has the fields of all."""
    found: dict[str, Event] = {}
    for event in [*_called(), *_made()]:
        known = found.get(event.text, event)
        found[event.text] = Event(event.text, known.levels | event.levels, known.fields | event.fields)
    return found


def _called() -> Iterator[Event]:
    """What goes through structlog."""
    for path, source in modules("gateway"):
        if "testing" in path.parts:
            continue
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and _is_log_call(node):
                yield _event_of(node, str(path))


def _is_log_call(node: ast.Call) -> bool:
    function = node.func
    return (
        isinstance(function, ast.Attribute)
        and function.attr in LEVELS
        and isinstance(function.value, ast.Name)
        and function.value.id == "log"
    )


def _event_of(node: ast.Call, place: str) -> Event:
    assert isinstance(node.func, ast.Attribute)
    text = node.args[0]
    assert isinstance(text, ast.Constant), f"{place}:{node.lineno}: an event's text is a literal"
    names = {keyword.arg for keyword in node.keywords if keyword.arg is not None}
    raised = OF_EXCEPTIONS if node.func.attr == "exception" or "exc_info" in names else ()
    fields = (names - OF_EVERY_LINE) | set(raised)
    return Event(str(text.value), frozenset({LEVELS[node.func.attr]}), frozenset(fields))


def _made() -> Iterator[Event]:
    """What does not: the lines of calls and of the audit stream, and of lines that are missing."""
    yield Event("call", frozenset(kind.level for kind in KINDS.values()), _fields_of(AccessLogLine))
    yield Event("transfer changed", frozenset({"info"}), _fields_of(AuditLine))
    yield Event("log lines dropped", frozenset({"warning"}), frozenset({"lines"}))


def _fields_of(line: type[msgspec.Struct]) -> frozenset[str]:
    return frozenset(field.encode_name for field in msgspec.structs.fields(line)) - OF_EVERY_LINE
