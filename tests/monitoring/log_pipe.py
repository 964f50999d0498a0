"""The log of a process as a service manager takes it: through a pipe, which may stand still."""

from __future__ import annotations

import asyncio
import fcntl
import os
from pathlib import Path
from typing import IO, Final

SIZE: Final = 4096
"""The smallest that Linux gives: a log that nobody reads is soon full."""

CHUNK: Final = 65536


class LogPipe:
    """Copies what is written to `open()` into the file, while this process's event loop runs."""

    def __init__(self, file: Path) -> None:
        self._reader, self._writer = os.pipe()
        fcntl.fcntl(self._writer, fcntl.F_SETPIPE_SZ, SIZE)
        self._copy = file.open("ab", buffering=0)
        self.read_on()

    def open(self) -> IO[bytes]:
        """The end to write to; several processes may have it one after the other."""
        return os.fdopen(os.dup(self._writer), "wb")

    def stop_reading(self) -> None:
        """The pipe fills, and takes no more."""
        asyncio.get_running_loop().remove_reader(self._reader)

    def read_on(self) -> None:
        asyncio.get_running_loop().add_reader(self._reader, self._read)

    def close(self) -> None:
        self.stop_reading()
        os.close(self._reader)
        os.close(self._writer)
        self._copy.close()

    def _read(self) -> None:
        self._copy.write(os.read(self._reader, CHUNK))
