"""Where a simulated operator's ledger keeps its events: in memory, or in a file that survives a killed process."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from gateway.private_files import open_itself, require_regular, take_from_others
from gateway.sandbox.ledger import Event

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Event).decode
_BEGIN: Final = b'{"type":'
"""What the line of each event begins with."""


class MemoryStore:
    """Keeps events for as long as the process lives."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self._events = list(events)

    def append(self, event: Event) -> None:
        self._events.append(event)

    def events(self) -> Iterator[Event]:
        return iter(self._events)

    def close(self) -> None:
        """Does nothing: memory needs no closing."""


class FileStore:
    """Keeps one event a line, as JSON, in a file that one process at a time appends to.

    The operating system has each event before `append` returns, so events survive a killed process; they are not
    fsynced, so they may be lost with the machine. Raises `OSError` if the file cannot be opened or written, and
    `msgspec.DecodeError` if it holds something else than events; then it stays as it is.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = open_itself(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        try:
            require_regular(os.fstat(self._file), path)
            length = _length_of_whole_lines(path)
        except (OSError, msgspec.DecodeError):
            os.close(self._file)
            raise
        take_from_others(path)  # it may have been copied here
        # Half a line left by a killed process would make one unreadable line with the next event. Held by
        # tests/unit/sandbox/test_ledger.py.
        os.ftruncate(self._file, length)

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


def _length_of_whole_lines(path: Path) -> int:
    """The length of the whole lines in bytes: a process killed while it wrote may leave half a line at the end.

    Raises `msgspec.DecodeError` where a line is not an event, or no half of one: the file was named by mistake.
    """
    size = 0
    with path.open("rb") as lines:
        for line in lines:
            if line.endswith(b"\n"):
                _decode(line)
                size += len(line)
            elif not line.startswith(_BEGIN[: len(line)]):
                raise msgspec.DecodeError("its last line is not an event")
    return size
