"""`make night`: a scripted night of eight troubles; the pages must be those of the script, and no other."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
from pathlib import Path
from typing import Final

import msgspec

from tests.night.judging import complaints
from tests.night.page import PAGE, draw
from tests.night.play import play

FOLDER: Final = Path(__file__).parents[2] / "build" / "night"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.night", description=__doc__)
    parser.add_argument("--scale", type=float, default=20.0, help="divides all times in rules and routes")
    scale = parser.parse_args().scale
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    night = asyncio.run(play(FOLDER, scale, _say))
    (FOLDER / "night.json").write_bytes(msgspec.json.encode(night))
    found = complaints(night)
    for complaint in found:
        _say(complaint)
    if found:
        _say(f"make night: {len(found)} FAILED")
        return 1
    PAGE.write_text(draw(night), encoding="utf-8")
    _say(f"make night: {len(night.acts)} troubles, the expected pages and none besides; docs/night.md shows them")
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
