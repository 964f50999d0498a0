"""The demo's progress: a bar on a terminal, otherwise a line for each tenth."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from gateway.cli.printing import printable
from gateway.demo import ProgressListener


@contextmanager
def show_progress(purchases: int, stream: TextIO) -> Iterator[ProgressListener]:
    """Shows the progress on standard output, or on standard error, while the block runs."""
    if not stream.isatty():
        yield _ProgressLines(purchases, stream)
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(file=stream, highlight=False), transient=True) as progress:
        yield _Bar(progress, purchases)


class _Bar:
    """A bar, with a line above it for each event."""

    def __init__(self, progress: Progress, purchases: int) -> None:
        self._progress = progress
        self._purchases = purchases
        self._task = progress.add_task("starting", total=purchases)
        self._started_at = time.monotonic()

    def report_event(self, text: str) -> None:
        self._progress.console.print(f"[dim]{_elapsed(self._started_at)}[/dim]  {text}")

    def report_progress(self, done: int, failed: int) -> None:
        description = f"{done} of {self._purchases} purchases played, {failed} withdraws failed"
        self._progress.update(self._task, completed=done, description=description)

    def report_unfinished(self, unfinished: int) -> None:
        self._progress.update(self._task, description=f"{unfinished} transfers are still being brought to their end")


class _ProgressLines:
    """A line for each event, and one for each tenth of the purchases."""

    def __init__(self, purchases: int, stream: TextIO) -> None:
        self._stream = stream
        self._purchases = purchases
        self._tenths = 0
        self._unfinished_reported = False
        self._started_at = time.monotonic()

    def report_event(self, text: str) -> None:
        self._stream.write(printable(f"{_elapsed(self._started_at)}  {text}") + "\n")
        self._stream.flush()

    def report_progress(self, done: int, failed: int) -> None:
        tenths = 10 * done // self._purchases
        if tenths > self._tenths:
            self._tenths = tenths
            self.report_event(f"{done} of {self._purchases} purchases played, {failed} withdraws failed")

    def report_unfinished(self, unfinished: int) -> None:
        if not self._unfinished_reported:
            self._unfinished_reported = True
            self.report_event(f"{unfinished} transfers are still being brought to their end")


def _elapsed(started_at: float) -> str:
    return f"{time.monotonic() - started_at:5.1f} s"
