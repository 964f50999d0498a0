"""A disk that keeps what was synced and nothing it did not promise: SQLite runs on it as a VFS of its own.

What is written is seen at once, as through a page cache, and outlives a killed process. When the power goes, of all
that was written since the last sync any part may have reached the disk, in any order, a write torn between sectors;
a file that was never synced may be gone.
"""

from __future__ import annotations

from itertools import count
from typing import Any, Final

import apsw

from tests.simulation.dice import Dice

SECTOR: Final = 512

_numbers: Final = count()


class File:
    """`seen` is what a process reads; `kept` what is on the disk for certain, None before the first sync."""

    def __init__(self) -> None:
        self.seen = bytearray()
        self.kept: bytearray | None = None
        self.unsynced: list[tuple[int, bytes] | int] = []
        """Writes (offset, bytes) and truncations (size), in order."""
        self.adrift = False
        """Whether `seen` and `kept` may differ in what no later sync will bring to the disk."""

    def write(self, data: bytes, offset: int) -> None:
        _put(self.seen, offset, data)
        self.unsynced.append((offset, bytes(data)))

    def truncate(self, size: int) -> None:
        _cut(self.seen, size)
        self.unsynced.append(size)

    def sync(self) -> None:
        if self.kept is None:
            self.kept = bytearray()
        for change in self.unsynced:
            _apply(self.kept, change)
        self.unsynced.clear()

    def fail_to_sync(self, dice: Dice) -> None:
        """What was to be synced has reached the disk in part, and the rest never will: the cache takes it for done."""
        self._keep_some(dice)
        self.adrift = True

    def lose_power(self, dice: Dice) -> bool:
        """What was not synced survives in part. Returns whether the file itself is still there."""
        if self.kept is None and dice.happens(0.5):
            return False
        self._keep_some(dice)
        assert self.kept is not None
        self.seen = bytearray(self.kept)
        self.adrift = False
        return True

    def _keep_some(self, dice: Dice) -> None:
        if self.kept is None:
            self.kept = bytearray()
        for change in _survivors(self.unsynced, dice):
            _apply(self.kept, _torn(change, dice) if dice.happens(0.3) else change)
        self.unsynced.clear()


class Disk:
    """The files of one machine. `full` refuses writes, `failing` syncs; `gone` while nobody may touch it any more."""

    def __init__(self, name: str, dice: Dice) -> None:
        self.dice = dice
        self.vfs = f"{name}-{next(_numbers)}"
        self.files: dict[str, File] = {}
        self.full = False
        self.failing = False
        self.gone = False
        self.syncs = True
        """Whether a sync does what it says; a canary turns it off."""
        self._registered = _Vfs(self)

    @property
    def synced(self) -> bool:
        """Whether everything that was written is on the disk for certain."""
        return not any(file.unsynced or file.adrift for file in self.files.values())

    def lose_power(self) -> None:
        self.files = {name: file for name, file in self.files.items() if file.lose_power(self.dice)}

    def surviving(self) -> Disk:
        """A disk with what would be there for certain if the power went now."""
        copy = Disk("surviving", self.dice)
        for name, file in self.files.items():
            if file.kept is not None:
                copy.files[name] = mine = File()
                mine.seen = bytearray(file.kept)
        return copy

    def close(self) -> None:
        """No connection may be open on it any more."""
        self._registered.unregister()


class _Vfs(apsw.VFS):
    """The disk as SQLite sees it."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        super().__init__(disk.vfs, base="")

    def xOpen(self, name: Any, flags: list[int]) -> Any:
        filename = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        flags[1] = flags[0]
        return _Handle(self._disk, self._disk.files.setdefault(filename, File()))

    def xDelete(self, filename: str, syncdir: bool) -> None:
        if not self._disk.gone:
            self._disk.files.pop(filename, None)

    def xAccess(self, pathname: str, flags: int) -> bool:
        return pathname in self._disk.files

    def xFullPathname(self, filename: str) -> str:
        return filename

    def xRandomness(self, numbytes: int) -> bytes:
        return bytes(numbytes)

    def xSleep(self, microseconds: int) -> int:
        raise AssertionError("nobody waits for a lock here")

    def xCurrentTimeInt64(self) -> int:
        return 0

    def xGetLastError(self) -> tuple[int, str]:
        return 0, ""

    def excepthook(self, etype: Any, evalue: Any, etraceback: Any) -> bool:
        """SQLite is told of an error by its code; what it cannot pass on it need not."""
        return True


class _Handle:
    """One open file, as SQLite sees it."""

    def __init__(self, disk: Disk, file: File) -> None:
        self._disk = disk
        self._file = file

    def xRead(self, amount: int, offset: int) -> bytes:
        return bytes(self._file.seen[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:
        if self._disk.gone:
            return
        if self._disk.full:
            raise apsw.FullError("no space left on the disk")
        self._file.write(data, offset)

    def xTruncate(self, newsize: int) -> None:
        if not self._disk.gone:
            self._file.truncate(newsize)

    def xSync(self, flags: int) -> None:
        if self._disk.gone:
            return
        if self._disk.failing:
            self._file.fail_to_sync(self._disk.dice)
            raise apsw.IOError("the disk did not sync")
        if self._disk.syncs:
            self._file.sync()

    def xFileSize(self) -> int:
        return len(self._file.seen)

    def xLock(self, level: int) -> None:
        """One process at a time has the file; the gateway's own lock file sees to that."""

    def xUnlock(self, level: int) -> None:
        """As above."""

    def xCheckReservedLock(self) -> bool:
        return False

    def xClose(self) -> None:
        """Nothing to let go of."""

    def xSectorSize(self) -> int:
        return SECTOR

    def xDeviceCharacteristics(self) -> int:
        return int(apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE)

    def xFileControl(self, op: int, ptr: int) -> bool:
        return False


def _survivors(changes: list[tuple[int, bytes] | int], dice: Dice) -> list[tuple[int, bytes] | int]:
    """All, none, the first few, or any of them in any order."""
    match dice.whole(0, 3):
        case 0:
            return []
        case 1:
            return changes
        case 2:
            return changes[: dice.whole(0, len(changes))]
        case _:
            return dice.some_of(changes)


def _torn(change: tuple[int, bytes] | int, dice: Dice) -> tuple[int, bytes] | int:
    """A write of which only the sectors up to, or from, some point on reached the disk."""
    if isinstance(change, int):
        return change
    offset, data = change
    first = SECTOR - offset % SECTOR
    cuts = range(first, len(data), SECTOR)
    if not cuts:
        return change
    cut = dice.one_of(cuts)
    return (offset, data[:cut]) if dice.happens(0.5) else (offset + cut, data[cut:])


def _apply(content: bytearray, change: tuple[int, bytes] | int) -> None:
    if isinstance(change, int):
        _cut(content, change)
    else:
        _put(content, *change)


def _put(content: bytearray, offset: int, data: bytes) -> None:
    if offset > len(content):
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


def _cut(content: bytearray, size: int) -> None:
    if size < len(content):
        del content[size:]
    else:
        content.extend(bytes(size - len(content)))
