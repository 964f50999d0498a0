"""Files that a configuration names: regular ones, of at most `MAX_FILE` bytes.

Whoever may write a path into the configuration must not be able to hold up the process, or to fill its memory, with a
device, a pipe that nobody writes to, or a file without end.
"""

from __future__ import annotations

import os
import re
import stat
from errno import EFBIG, EINVAL, EISDIR
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Final

MAX_FILE: Final = 1024 * 1024
"""In bytes: the configuration of a thousand operators, and hundreds of certificates."""

_FROM_SHELL: Final = re.compile(r"/dev/stdin|/dev/fd/[0-9]+|/proc/self/fd/[0-9]+")


def read_file(path: Path) -> bytes:
    """The content of a regular file. Raises `OSError`, whose `strerror` says what is wrong."""
    _require_regular(path.stat())  # before it is opened: a device may act on that
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        _require_regular(os.fstat(handle))
        return _read_whole(handle)
    finally:
        os.close(handle)


def read_given_file(path: Path) -> bytes:
    """The same of a file that the command line names, which may also be what a shell hands over (`/dev/stdin`,
    `/dev/fd/63`). Raises `OSError`."""
    if _FROM_SHELL.fullmatch(str(path)) is None:
        return read_file(path)
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        if not stat.S_ISFIFO(os.fstat(handle).st_mode):
            _require_regular(os.fstat(handle))
        return _read_whole(handle)
    finally:
        os.close(handle)


def unreadable(path: Path) -> str | None:
    """Why this user cannot read a file that others will read by its name; None if there is nothing to say."""
    if not os.path.isfile(path):  # noqa: PTH113 - unlike Path's, it is False for an impossible name or a closed folder
        return f"there is no file {path}"
    if not os.access(path, os.R_OK):
        return f"the file {path} cannot be read by this user; change its permissions"
    return None


def as_text(content: bytes) -> str:
    """UTF-8 text with line ends of any kind. Raises `ValueError`."""
    return TextIOWrapper(BytesIO(content), encoding="utf-8").read()


def _require_regular(found: os.stat_result) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise OSError(EISDIR, os.strerror(EISDIR))
    if not stat.S_ISREG(found.st_mode):
        raise OSError(EINVAL, "it is not a regular file")


def _read_whole(handle: int) -> bytes:
    # Not by its size: a file of `/proc` says that it has none.
    content = bytearray()
    while len(content) <= MAX_FILE and (piece := os.read(handle, MAX_FILE + 1 - len(content))):
        content += piece
    if len(content) > MAX_FILE:
        raise OSError(EFBIG, "it is larger than 1 MiB")
    return bytes(content)
