"""Limits for warnings that come again and again: the first is logged at once, then one summary a minute.

A journal that is away is told by every delivery loop every five seconds, of a thousand operators that is a flood in
which nothing else is found. A summary is the last of the lines that were left out, with `repeated`: how many there were
of it in that minute. One that ends is told of the last time at the end of its minute.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

import structlog
from structlog.typing import EventDict, WrappedLogger

WINDOW_S: Final = 60.0

LIMITED: Final[dict[str, tuple[str, ...]]] = {
    "a connection failed": (),
    "a request failed": (),
    "adapter failed": ("operator", "call", "error"),
    "circuit breaker half open": ("operator", "calls"),
    "circuit breaker opened": ("operator", "calls"),
    "clock differs from the database's": ("journal",),
    "delivery not recorded": ("operator",),
    "delivery waits for the journal": ("operator",),
    "housekeeping waits for the journal": (),
    "receipt not wholly usable": ("operator", "call"),
    "refused before a call": ("listener", "reason"),
    "rollback waits for the journal": (),
    "the database rejects a write": ("write",),
    "the journal's log was not checkpointed": (),
    "writing to the journal again": (),
    "writing to the journal failed": (),
}
"""The events that are limited, and what tells one series of them from another: fields with few values, so that the
series are few."""

REPEATED: Final = "repeated"

Key = tuple[str, ...]
Emit = Callable[[str, EventDict], None]


class _Series:
    """Lines that were left out since `began_at` (monotonic seconds), and the last of them."""

    __slots__ = ("began_at", "count", "last", "method")

    def __init__(self, began_at: float) -> None:
        self.began_at = began_at
        self.count = 0
        self.last: EventDict = {}
        self.method = "warning"


def _emit(method: str, event: EventDict) -> None:
    fields = {str(key): value for key, value in event.items() if key not in {"event", "level"}}
    structlog.get_logger().log(logging.getLevelNamesMapping()[method.upper()], event["event"], **fields)


class RepeatLimit:
    """Decides which lines are logged: a structlog processor. `emit` logs a summary, in a thread of its own."""

    def __init__(self, emit: Emit = _emit, now: Callable[[], float] = time.monotonic) -> None:
        self._emit = emit
        self._now = now
        self._series: dict[Key, _Series] = {}
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def __call__(self, _logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        """Leaves out what has been logged within the last minute. Raises `DropEvent` then."""
        if self.admits(method, event):
            return event
        raise structlog.DropEvent

    def admits(self, method: str, event: EventDict) -> bool:
        """Whether this line is logged now. If not, a summary will say how many there were."""
        fields = LIMITED.get(str(event.get("event")))
        if fields is None or REPEATED in event:
            return True
        key = (str(event["event"]), *(str(event.get(field)) for field in fields))
        with self._lock:
            series = self._series.get(key)
            if series is None or (not series.count and self._now() - series.began_at >= WINDOW_S):
                self._series[key] = _Series(self._now())
                return True
            series.count += 1
            series.last, series.method = dict(event), method
            self._start_timer()
            return False

    def summarize(self) -> None:
        """Logs a summary of every series whose minute is over, and begins its next minute."""
        due = []
        with self._lock:
            self._timer = None
            now = self._now()
            for key, series in self._series.items():
                if series.count and now - series.began_at >= WINDOW_S:
                    due.append(series)
                    self._series[key] = _Series(now)
            if any(series.count for series in self._series.values()):
                self._start_timer()
        for series in due:
            self._emit(series.method, {**series.last, REPEATED: series.count})

    def _start_timer(self) -> None:
        # A thread's timer, not the loop's: the journal's threads log too, and a loop that stands still must be told of.
        if self._timer is None:
            counted = (series.began_at for series in self._series.values() if series.count)
            wait_s = max(0.0, min(counted) + WINDOW_S - self._now())
            self._timer = threading.Timer(wait_s, self.summarize)
            self._timer.daemon = True
            self._timer.start()
