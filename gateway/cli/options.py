"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from gateway.cli.times import parse_time
from gateway.records import Direction

LISTED: Final = 50
"""How many lines a list has by default."""

Config = Annotated[
    Path | None, typer.Option("--config", envvar="MM_GATEWAY_CONFIG", metavar="FILE", help="The configuration file.")
]
OperatorName = Annotated[str | None, typer.Option("--operator", metavar="NAME", help="Only this operator.")]
DirectionName = Annotated[Direction | None, typer.Option("--direction", help="Only withdrawals, or only deposits.")]
Since = Annotated[
    float | None,
    typer.Option(
        "--since",
        parser=parse_time,
        metavar="TIME",
        help="From this time on: 2026-01-31T08:00Z, or 2h for two hours ago.",
    ),
]
Until = Annotated[
    float | None,
    typer.Option("--until", parser=parse_time, metavar="TIME", help="Before this time, in the form of --since."),
]
Limit = Annotated[int, typer.Option("--limit", min=1, metavar="N", help="At most so many, newest first.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Who = Annotated[str, typer.Option("--who", metavar="NAME", help="Your name; kept with the transfer.")]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="Why you do this; kept with the transfer.")]
