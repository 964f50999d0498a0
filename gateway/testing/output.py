"""What an adapter says beside its answers: logs, warnings, and what it prints."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from typing import Any

from structlog.testing import capture_logs


class Output:
    """Collects everything from when it is opened until the block ends; it goes nowhere else."""

    def __init__(self) -> None:
        self.printed = StringIO()
        self.events: list[Any] = []
        self.warned: list[warnings.WarningMessage] = []
        self.handler = _Collector()

    def texts(self) -> list[str]:
        """What has been said until now."""
        told = [repr(event) for event in self.events] + [str(each.message) for each in self.warned]
        return [*told, *self.handler.texts, self.printed.getvalue()]


@contextmanager
def captured() -> Iterator[Output]:
    """Collects the whole process's output meanwhile. Blocks must not overlap, except one within another."""
    output = Output()
    root = logging.getLogger()
    level = root.level
    root.addHandler(output.handler)
    root.setLevel(logging.DEBUG)  # some gateway may be run with any level
    try:
        with (
            capture_logs() as output.events,
            warnings.catch_warnings(record=True) as output.warned,
            redirect_stdout(output.printed),
            redirect_stderr(output.printed),
        ):
            warnings.simplefilter("always")
            yield output
    finally:
        root.setLevel(level)
        root.removeHandler(output.handler)


class _Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())
