"""`mm-gateway migrate`: brings the journals' tables to this version's schema."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from gateway.cli.configuration import load_urls
from gateway.cli.options import AsJson, Config
from gateway.cli.printing import print_json, print_line, print_note
from gateway.journal import migrate_journal


def migrate(
    *,
    config: Config = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Also while gateways use a journal whose migration needs it unused. Risk: their calls fail, and a "
            "gateway of the version before may write what this version cannot read.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring every journal's tables to this version's schema, or create them. Refused while gateways use a journal, if
    a migration needs it unused."""
    if force:
        print_note("--force: gateways that use a journal are not looked for. Their calls may fail meanwhile")
    done = []
    for name, journal in load_urls(config).every_journal.items():
        applied = asyncio.run(migrate_journal(journal, name, forced=force))
        done.append({"journal": name, "applied": applied})
        if not as_json:
            print_line(f"{name}: applied {', '.join(applied)}" if applied else f"{name}: up to date")
    if as_json:
        print_json(done)
