"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from gateway.cli.times import parse_time
from gateway.records import Direction

LISTED: Final = 50
"""How many lines a list has if nobody says otherwise."""

Config = Annotated[
    Path | None, typer.Option("--config", envvar="MM_GATEWAY_CONFIG", metavar="FILE", help="The configuration.")
]
OperatorName = Annotated[str | None, typer.Option("--operator", metavar="NAME", help="Of this operator alone.")]
DirectionName = Annotated[Direction | None, typer.Option("--direction", help="Withdrawals or deposits alone.")]
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
    typer.Option("--until", parser=parse_time, metavar="TIME", help="Before this time, given as for --since."),
]
Limit = Annotated[int, typer.Option("--limit", min=1, metavar="N", help="How many at most, newest first.")]
AsJson = Annotated[bool, typer.Option("--json", help="For machines.")]
Who = Annotated[str, typer.Option("--who", metavar="NAME", help="Who you are; kept with the transfer.")]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="Why you do this; kept with the transfer.")]
