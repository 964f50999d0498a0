"""`mm-gateway` with its imports done, in a process that is forked for each command: a start takes a fifth of the time.

That is for commands whose start is not what is tested. The rest of each is real: a process of its own with its own
arguments, environment, files and exit status. What a command imports itself, it still imports.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Mapping, Sequence
from functools import cache
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Final

IMPORTED: Final = ["gateway.cli.main", "gateway.journal.postgres.journal", "aiohttp", "rich.table", __name__]
NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
STREAMS: Final = (("in", os.O_RDONLY), ("out", NEW), ("err", NEW))


def run_prepared(words: Sequence[str], environ: Mapping[str, str], folder: Path, within_s: float) -> int:
    """The exit status of the command. It reads the file `in` of the folder, and writes `out` and `err`.

    Raises `TimeoutError` after `within_s`.
    """
    process = _context().Process(
        target=_be_the_program, args=(list(words), dict(environ), os.fspath(Path.cwd()), folder)
    )
    process.start()
    process.join(within_s)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise TimeoutError(f"mm-gateway {' '.join(words)} took more than {within_s} s")
    status = process.exitcode
    process.close()
    return status


@cache
def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTED)
    return context


def _be_the_program(words: list[str], environ: dict[str, str], cwd: str, folder: Path) -> None:
    for number, (name, flags) in enumerate(STREAMS):
        os.dup2(os.open(folder / name, flags), number)
    sys.stdin = os.fdopen(0, "r", closefd=False)
    os.environ.clear()
    os.environ.update(environ)
    time.tzset()
    os.chdir(cwd)
    sys.argv = ["mm-gateway", *words]
    from gateway.cli.main import main  # noqa: PLC0415 - for the process that asks it would be a needless import

    main()
