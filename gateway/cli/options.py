"""Options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import typer
import yaml

from gateway.cli.times import parse_time
from gateway.records import Direction
from gateway.settings.files import as_text, read_given_file

LISTED: Final = 50
"""How many lines a list has by default."""

Config = Annotated[
    Path | None, typer.Option("--config", envvar="MM_GATEWAY_CONFIG", metavar="FILE", help="The configuration file.")
]


def operator_names(context: typer.Context, incomplete: str) -> list[str]:
    """For a shell that completes one: the operators of the configuration. None where it cannot be read."""
    file = context.params.get("config") or os.environ.get("MM_GATEWAY_CONFIG")
    return [name for name in _written_operators(file) if name.startswith(incomplete)] if file else []


def _written_operators(file: str | Path) -> list[str]:
    try:
        # Composed by the library's C, and not read as `settings` does: of a thousand operators that takes seconds.
        root = yaml.compose(as_text(read_given_file(Path(file))), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, ValueError, yaml.YAMLError):
        return []
    sections = dict(_members(root))
    return [name for name, _ in _members(sections.get("operators"))]


def _members(node: yaml.Node | None) -> Iterator[tuple[str, yaml.Node]]:
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if isinstance(key, yaml.ScalarNode):
            yield key.value, value


OperatorName = Annotated[
    str | None,
    typer.Option("--operator", metavar="NAME", help="Only this operator.", autocompletion=operator_names),
]
DirectionName = Annotated[Direction | None, typer.Option("--direction", help="Only withdrawals, or only deposits.")]
Player = Annotated[
    str | None, typer.Option("--player", metavar="ID", help="Only this player's; '' for those of nobody known.")
]
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
After = Annotated[
    str | None,
    typer.Option(
        "--after", metavar="CURSOR", help="Go on behind the last row of an earlier list, which gave its cursor."
    ),
]
Counted = Annotated[
    bool, typer.Option("--count", help="Also count all that there are; takes seconds where there are millions.")
]
AsPage = Annotated[
    bool,
    typer.Option(
        "--page", help="With --json: an object of `rows`, `next` (the cursor for --after) and `total` (--count)."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Who = Annotated[str, typer.Option("--who", metavar="NAME", help="Your name; kept with the transfer.")]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="Why you do this; kept with the transfer.")]
