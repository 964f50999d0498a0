"""``python with_parent.py PARENT COMMAND…`` becomes the command, which Linux kills once the process PARENT is dead.

So that a demo that is killed by itself leaves no gateway. Run by its path: it imports nothing of the gateway, whose
modules take longer than all of this.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import Final

PR_SET_PDEATHSIG: Final = 1
"""linux/prctl.h. What it sets outlives `execv` (prctl(2))."""


def main() -> None:
    """Elsewhere than on Linux nothing is bound to anything, and the command just runs."""
    parent, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        # It may have died before this process was bound to it.
        if os.getppid() != int(parent):
            sys.exit(f"process {parent} is gone")
    os.execv(command[0], command)  # noqa: S606 - the command is the demo's own


if __name__ == "__main__":
    main()
