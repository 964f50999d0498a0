"""`mm-gateway migrate`: brings the journals' tables to this version's schema."""

from __future__ import annotations

import asyncio

from gateway.cli.configuration import load_urls
from gateway.cli.options import Config
from gateway.cli.printing import print_line
from gateway.journal import migrate_journal


def migrate(config: Config = None) -> None:
    """Bring every journal's tables to this version's schema, or create them."""
    for name, journal in load_urls(config).every_journal.items():
        applied = asyncio.run(migrate_journal(journal))
        print_line(f"{name}: applied {', '.join(applied)}" if applied else f"{name}: up to date")
