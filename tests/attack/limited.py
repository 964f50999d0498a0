"""Runs `mm-gateway` with a limit on its memory, as a unit or a container gives it: beyond it an allocation fails."""

from __future__ import annotations

import os
import resource
import sys
from typing import Final

MEMORY: Final = "ATTACK_MEMORY_BYTES"
FILES: Final = "ATTACK_FILES"


def main() -> None:
    limit, files = int(os.environ[MEMORY]), int(os.environ[FILES])
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    os.execv(sys.executable, [sys.executable, "-m", "gateway.cli", *sys.argv[1:]])


if __name__ == "__main__":
    main()
