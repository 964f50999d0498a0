"""The whole program on a machine whose clock is ahead, or whose disk is nearly full.

    AHEAD_S=30 FREE_BYTES=1000000 python -m tests.support.command_on_odd_machine status --config FILE

Only what the system says of the time and of the disk is changed, before anything of the program is loaded.
"""

from __future__ import annotations

import os
import time

if __name__ == "__main__":
    ahead_s, free_bytes = float(os.environ.get("AHEAD_S", "0")), os.environ.get("FREE_BYTES")
    systems_time, systems_statvfs = time.time, os.statvfs
    time.time = lambda: systems_time() + ahead_s
    if free_bytes is not None:
        blocks = int(free_bytes) // systems_statvfs("/").f_frsize
        os.statvfs = lambda path: os.statvfs_result((*systems_statvfs(path)[:4], blocks, *systems_statvfs(path)[5:]))

    from gateway.cli import main

    main()
