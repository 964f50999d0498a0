"""Where a simulated operator's ledger keeps its events: in memory, or in a file that survives a killed process."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from gateway.sandbox.ledger import Event

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Event).decode


class MemoryStore:
    """Forgotten with the process."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self._events = list(events)

    def append(self, event: Event) -> None:
        self._events.append(event)

    def events(self) -> Iterator[Event]:
        return iter(self._events)

    def close(self) -> None:
        """Nothing to let go of."""


class FileStore:
    """One event a line, appended to a file by one process at a time.

    Every event is handed to the operating system before `append` returns, so it outlives the process, however that
    ends; it is not fsynced, so it need not outlive the machine.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        os.ftruncate(self._file, _whole_lines(path))

    def append(self, event: Event) -> None:
        line = _encode(event) + b"\n"
        written = os.write(self._file, line)
        if written != len(line):
            raise OSError(f"{self._path} took {written} of {len(line)} bytes")

    def events(self) -> Iterator[Event]:
        with self._path.open("rb") as lines:
            for line in lines:
                yield _decode(line)

    def close(self) -> None:
        os.close(self._file)


def _whole_lines(path: Path) -> int:
    """How many bytes of the file are whole lines: a process killed while it wrote may leave half a one."""
    size = 0
    with path.open("rb") as lines:
        for line in lines:
            if line.endswith(b"\n"):
                size += len(line)
    return size
