"""The audit stream: one JSON line for each change of a transfer's state and each hand action, apart from the log.

It has no level and is not sampled. The journal is what counts: a line is written after its change is durable, and is
missing where the process dies in between, or where the queue is full (which is counted).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final

import msgspec

from gateway.printable import escaped_json
from gateway.private_files import OTHERS, open_itself, others_may, take_from_others
from gateway.telemetry import logs
from gateway.telemetry.output import LineOutput, QueuedOutput

STDERR: Final = "stderr"
"""The destination among the lines of the log, instead of a file."""

FILE_MODE: Final = 0o640

SYSTEMS_OWN: Final = "/dev/"
"""Links of the system's own, such as /dev/stdout, are followed to what they lead to; others are not."""

Hide = Callable[[str, Iterable[str]], str]
"""Takes these secrets out of a text."""

_encode: Final = msgspec.json.Encoder().encode


class AuditLine(msgspec.Struct, frozen=True, kw_only=True):
    """A transfer went from one state to another, or a person acted on it.

    `from_state` is None where the transfer begins, several states joined by "or" where the change did not read it.
    `wants` is how the transfer is to end, as far as that is decided. `by` is `game`, `gateway` or `person`, `who` the
    person. `why` is the reason given, or what the operator said. `call` and `verdict` are of the try that led to it.
    Empty: there is none.
    """

    timestamp: str
    level: str = "info"
    event: str = "transfer changed"
    operator: str
    direction: str
    id: str
    player: str
    amount: str
    from_state: str | None = msgspec.field(name="from")
    to_state: str = msgspec.field(name="to")
    wants: str
    by: str
    who: str
    why: str
    call: str
    verdict: str
    request_id: str
    instance: str


class AuditStream:
    """Where audit lines go: nowhere until it is opened. Lines may come from one thread only."""

    def __init__(self) -> None:
        self.is_on = False
        self.instance = ""
        self._destination: str | None = None
        self._output: LineOutput | None = None
        self._hide: Hide | None = None

    def open(self, destination: str | None, instance: str, hide: Hide) -> None:
        """From now on writes to this file, or to `STDERR`; None: nowhere. `instance` stands on every line.

        Raises `OSError` if the file cannot be opened; then nothing has changed.
        """
        self.instance, self._hide = instance, hide
        if destination == self._destination:
            return
        former = self._output
        self._output = _output_to(destination)
        self._destination = destination
        self.is_on = destination is not None
        _close(former, logs.LAST_LINES_S)

    def reopen(self) -> None:
        """Opens the file again: it may have been renamed. Raises `OSError`; then the former one stays."""
        if isinstance(self._output, QueuedOutput) and self._destination is not None:
            self._output.replace(open_file(self._destination))

    def close(self, within_s: float = logs.LAST_LINES_S) -> None:
        """Waits so long for the last lines to be written, and takes no more."""
        former, self._output, self._destination, self.is_on = self._output, None, None, False
        _close(former, within_s)

    def hide(self, text: str, secrets: Iterable[str]) -> str:
        """The text without these secrets, however they are spelled."""
        return "" if self._hide is None else self._hide(text, secrets)

    def write(self, line: AuditLine) -> None:
        """Writes a line. Never waits."""
        if self._output is not None:
            self._output.write(logs.redact_line(escaped_json(_encode(line).decode())).encode() + b"\n")


def open_file(path: str) -> int:
    """A descriptor that appends to the file, which is made if it is not there. Besides its owner only its group may
    read it.

    Raises `OSError`, also where the name is a link.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    if path.startswith(SYSTEMS_OWN):
        return os.open(path, flags | os.O_CLOEXEC, FILE_MODE)
    handle = open_itself(path, flags, FILE_MODE)
    if others_may(os.fstat(handle)):
        take_from_others(path, ~FILE_MODE & OTHERS)
    return handle


def time_text(at: float) -> str:
    """A time (Unix seconds) as all lines have it."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _output_to(destination: str | None) -> LineOutput | None:
    if destination is None:
        return None
    if destination == STDERR:
        return logs.output()
    return QueuedOutput(open_file(destination), logs.notice_of_dropped)


def _close(output: LineOutput | None, within_s: float) -> None:
    if isinstance(output, QueuedOutput):
        output.close(within_s)


stream: Final = AuditStream()
"""The process's one audit stream, as its log is one."""
