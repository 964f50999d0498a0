"""`python -m boards.pictures`: `record` asks a Prometheus, `draw` makes pictures of what it answered."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path

from boards.pictures.names import DASHBOARDS, PICTURES


def main() -> None:
    """Does what the command line asks."""
    arguments = parser().parse_args()
    arguments.run(arguments)


def parser() -> argparse.ArgumentParser:
    """What may be typed."""
    parser = argparse.ArgumentParser(prog="python -m boards.pictures", description=__doc__)
    commands = parser.add_subparsers(required=True)
    recording = commands.add_parser("record", help="ask a Prometheus everything that the boards ask")
    recording.add_argument("file", type=Path)
    recording.add_argument("--prometheus", default="http://127.0.0.1:9090", metavar="URL")
    recording.add_argument("--start", type=float, required=True, help="Unix time")
    recording.add_argument(
        "--end", type=float, required=True, help="Unix time; single numbers are those of this moment"
    )
    recording.add_argument("--scrape", type=float, default=15.0, help="seconds between two scrapes")
    recording.add_argument("--operator", default=".*", help="the one that the board Operator shows")
    recording.set_defaults(run=_record)
    drawing = commands.add_parser("draw", help="draw the boards; needs the environment of `make pictures`")
    drawing.add_argument("file", type=Path)
    drawing.add_argument("--into", type=Path, default=PICTURES)
    drawing.set_defaults(run=_draw)
    return parser


def _record(arguments: argparse.Namespace) -> None:
    from boards.pictures.recording import Span, record  # noqa: PLC0415 - what draws has no HTTP client

    span = Span(arguments.start, arguments.end, arguments.scrape)
    answers = asyncio.run(record(arguments.prometheus, sorted(DASHBOARDS.glob("*.json")), span, arguments.operator))
    arguments.file.write_text(json.dumps(answers), encoding="utf-8")
    sys.stdout.write(f"recorded: {len(answers['boards'])} boards in {arguments.file}\n")


def _draw(arguments: argparse.Namespace) -> None:
    from boards.pictures.drawing import draw  # noqa: PLC0415 - what records has no matplotlib

    recorded = json.loads(arguments.file.read_text(encoding="utf-8"))
    for path in sorted(DASHBOARDS.glob("*.json")):
        draw(json.loads(path.read_text(encoding="utf-8")), recorded, arguments.into / f"{path.stem}.png")
    sys.stdout.write(f"make pictures: all boards drawn into {arguments.into}\n")


if __name__ == "__main__":
    main()
