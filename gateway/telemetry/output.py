"""Where finished log lines go. Lines are bytes that end with a line feed.

A log must not stop a call: standard error may be a pipe whose reader stands still, and a file may be on a disk that
hangs. So a gateway that serves gives its lines to a queue of limited size, which a thread writes; what does not fit is
dropped and counted (docs/decisions/068-log-lines-are-written-by-a-thread.md). Commands write directly.
"""

from __future__ import annotations

import os
import select
import stat
import sys
import threading
from collections.abc import Callable
from typing import ClassVar, Final, Protocol, TextIO

QUEUE_BYTES: Final = 4 * 2**20
"""How much may wait to be written: some ten thousand lines."""

PIECE_BYTES: Final = 64 * 1024
"""The most that is given to the system at once, in whole lines: the whole of a pipe's buffer."""

ATOMIC_BYTES: Final = select.PIPE_BUF
"""As much as that a pipe takes whole, and lets nobody else write in between (pipe(7))."""

FULL_POLL_S: Final = 1.0
"""How often a descriptor that takes nothing now is tried again: somebody else made it non-blocking."""


class LineOutput(Protocol):
    """Takes finished lines from any thread. No method raises."""

    def write(self, lines: bytes, count: int = 1) -> None:
        """Writes these lines, `count` of them, now or soon; where that is not possible they are dropped."""


class DirectOutput:
    """Writes to a text stream at once; if none is given, to what standard error is at that moment."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    def write(self, lines: bytes, count: int = 1) -> None:
        stream = sys.stderr if self._stream is None else self._stream
        try:
            stream.write(lines.decode("utf-8", "replace"))
            stream.flush()
        except (OSError, ValueError):  # the log is gone or full: test_a_log_that_is_gone_stops_no_call
            _dropped.add(count)


class QueuedOutput:
    """Writes to a file descriptor, which it owns, from a thread of its own: `write` never waits.

    `notice(count)` makes the line that says how many lines are missing; it is written where they are missing.
    """

    shared: ClassVar = False
    """Whether other processes write to the same places: then none of their lines may come within one of ours."""

    def __init__(self, descriptor: int, notice: Callable[[int], bytes], limit: int = QUEUE_BYTES) -> None:
        self._descriptor = descriptor
        self._notice = notice
        self._limit = limit
        self._is_pipe = stat.S_ISFIFO(os.fstat(descriptor).st_mode)
        self._changed = threading.Condition()
        self._waiting: list[bytes] = []
        self._waiting_count = 0
        self._unwritten_bytes = 0  # what waits, and what is being written
        self._missing = 0
        self._failing = False
        self._replacement: int | None = None
        self._closed = False
        # A daemon, and a plain `os.write`: a write that never returns must not keep the process from ending, and one to
        # `sys.stderr` would hold that stream's lock, without which the interpreter does not end.
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def write(self, lines: bytes, count: int = 1) -> None:
        with self._changed:
            if self._closed or self._unwritten_bytes + len(lines) > self._limit:
                self._miss(count)
                return
            self._waiting.append(lines)
            self._waiting_count += count
            self._unwritten_bytes += len(lines)
            self._changed.notify_all()

    def replace(self, descriptor: int) -> None:
        """From the next lines on writes to this descriptor, which it then owns, and closes the former one."""
        with self._changed:
            superseded, self._replacement = self._replacement, descriptor
            self._changed.notify_all()
        if superseded is not None:
            os.close(superseded)

    def flush(self, within_s: float) -> bool:
        """Whether all lines were written within this time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._unwritten_bytes, within_s)

    def close(self, within_s: float) -> bool:
        """Takes no more lines. Whether those that it had were written within this time."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(within_s)
        return not self._thread.is_alive()

    def _miss(self, count: int) -> None:
        self._missing += count
        _dropped.add(count)

    def _run(self) -> None:
        while self._wait_for_work():
            self._use_replacement()
            lines, count = self._take()
            written = self._write_all(lines)
            with self._changed:
                self._unwritten_bytes -= len(lines)
                self._failing = not written
                if not written:
                    self._miss(count)
                self._changed.notify_all()
        self._use_replacement()
        os.close(self._descriptor)

    def _wait_for_work(self) -> bool:
        """Whether there is something to do; False once it is closed and nothing is left."""
        with self._changed:
            self._changed.wait_for(lambda: self._has_work() or self._closed)
            return self._has_work()

    def _has_work(self) -> bool:
        # While the descriptor takes nothing, it is not tried again and again only to say that lines are missing.
        return bool(self._waiting or self._replacement is not None or (self._missing and not self._failing))

    def _use_replacement(self) -> None:
        with self._changed:
            if self._replacement is not None:
                os.close(self._descriptor)
                self._descriptor, self._replacement = self._replacement, None

    def _take(self) -> tuple[bytes, int]:
        """All that waits, and how many lines that is."""
        with self._changed:
            lines, count = b"".join(self._waiting), self._waiting_count
            self._waiting, self._waiting_count = [], 0
            if self._missing:
                # They came after what waited: by then the queue was full.
                notice = self._notice(self._missing)
                self._missing = 0
                self._unwritten_bytes += len(notice)
                lines += notice
            return lines, count

    def _write_all(self, lines: bytes) -> bool:
        left = memoryview(lines)
        while left:
            try:
                left = left[os.write(self._descriptor, self._piece(left)) :]
            except BlockingIOError:
                select.select([], [self._descriptor], [], FULL_POLL_S)
            except OSError:  # the reader is gone, or the disk is full
                return False
        return True

    def _piece(self, left: memoryview) -> memoryview:
        """The whole lines at its beginning that may go out at once; of a longer line as much of it as may."""
        # A file or a socket takes a larger piece whole too. A line that is longer than that may be torn in a pipe.
        most = ATOMIC_BYTES if self.shared and self._is_pipe else PIECE_BYTES
        if len(left) <= most:
            return left
        piece = left[:most]
        return piece[: bytes(piece).rfind(b"\n") + 1] or piece


class _Dropped:
    """How many lines this process has dropped, over all its outputs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.count = 0

    def add(self, count: int) -> None:
        with self._lock:
            self.count += count


_dropped: Final = _Dropped()


def dropped_lines() -> int:
    """How many lines this process has dropped so far, of its log and its audit stream."""
    return _dropped.count
