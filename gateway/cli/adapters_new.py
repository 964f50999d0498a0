"""`mm-gateway adapters new`: makes the package of a new adapter."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.errors import CommandFailed
from gateway.cli.printing import print_line
from gateway.scaffold import ScaffoldError, new_package


def new(
    name: Annotated[str, typer.Argument(help="The adapter's name, as `adapter:` in the configuration has it.")],
    *,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Make it in this folder.")] = Path(),
) -> None:
    """Make a package for a new adapter: a small example under its name, which works and whose tests pass at once.

    Then replace the example's contract by yours, a test at a time.
    """
    try:
        folder = new_package(name, to)
    except ScaffoldError as error:
        raise CommandFailed(str(error)) from error
    print_line(f"made {folder}{os.sep}; next, in that folder:")
    print_line('  pip install --editable ".[test]"')
    print_line("  python -m pytest")
    print_line(f"  mm-gateway adapters try withdraw --operator {name}")
