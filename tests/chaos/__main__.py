"""`make chaos`: plays, prints a table and what was kept, and ends with a plain summary line and a true exit status."""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from tests.chaos.plan import Sizes
from tests.chaos.play import Played, play
from tests.chaos.report import lines, summary


def main() -> int:
    sizes = _sizes(sys.argv[1:])
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # nothing that was started may outlive us
    folder = Path(tempfile.mkdtemp(prefix="mm-chaos-"))
    _say(f"seed {sizes.seed}: {sizes.transfers} transfers over {sizes.instances} gateways; everything is in {folder}")
    played = asyncio.run(play(sizes, folder, _say))
    for line in lines(played):
        _say(line)
    _say(summary(played))
    return _ended(played, folder)


def _ended(played: Played, folder: Path) -> int:
    """What went wrong is left to be looked at."""
    if not played.promises_kept:
        return 1
    shutil.rmtree(folder)
    return 0


def _sizes(arguments: list[str]) -> Sizes:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument(
        "--seed", type=int, default=None, help="brings back a play's shape; without it another each time"
    )
    parser.add_argument("--transfers", type=int, default=10_000)
    parser.add_argument("--instances", type=int, default=4)
    parser.add_argument("--kill-every", type=_seconds, default=2.0, metavar="SECONDS")
    parser.add_argument("--restart-database-every", type=_seconds, default=10.0, metavar="SECONDS")
    given = parser.parse_args(arguments)
    return Sizes(
        seed=random.randrange(2**32) if given.seed is None else given.seed,
        transfers=given.transfers,
        instances=given.instances,
        kill_every_s=given.kill_every,
        restart_database_every_s=given.restart_database_every,
    )


def _seconds(text: str) -> float:
    """`2s` or `2`."""
    return float(text.removesuffix("s"))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
