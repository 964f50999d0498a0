"""The whole program on a disk that turns read-only at SIGUSR1, and can be written to again from SIGUSR2 on.

    python -m tests.support.gateway_on_failing_disk serve --config FILE

Only SQLite's access to its files is touched, at the lowest place there is.
"""

from __future__ import annotations

import signal

import apsw

from gateway.cli import main
from tests.support.failing_disk import FailingDisk

if __name__ == "__main__":
    disk = FailingDisk()
    apsw.set_default_vfs(disk.name)
    signal.signal(signal.SIGUSR1, lambda *_: setattr(disk, "on_write", apsw.ReadOnlyError("attempt to write")))
    signal.signal(signal.SIGUSR2, lambda *_: setattr(disk, "on_write", None))
    main()
