"""A disk that fails when told to: SQLite's own file access, with errors put in at the lowest place there is."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import apsw

SYSTEMS = apsw.vfs_names()[0]
"""The default one as it was: a failing disk may become the default itself."""


class FailingDisk(apsw.VFS):
    """Give `name` to a `Place`. While `on_write` or `on_sync` is set, writing or syncing raises it."""

    def __init__(self) -> None:
        self.name = f"failing-{uuid4()}"
        self.on_write: apsw.Error | None = None
        self.on_sync: apsw.Error | None = None
        self.syncs = 0
        super().__init__(self.name, SYSTEMS)

    def xOpen(self, name: Any, flags: list[int]) -> _File:  # noqa: N802 - SQLite's name
        return _File(self, name, flags)


class _File(apsw.VFSFile):
    def __init__(self, disk: FailingDisk, name: Any, flags: list[int]) -> None:
        self._disk = disk
        super().__init__(SYSTEMS, name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        if self._disk.on_write is not None:
            raise self._disk.on_write
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        self._disk.syncs += 1
        if self._disk.on_sync is not None:
            raise self._disk.on_sync
        super().xSync(flags)
