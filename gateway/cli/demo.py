"""`mm-gateway demo`: plays purchases that go wrong in every way, and proves that no money was lost."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from gateway.cli.demo_progress import show_progress
from gateway.cli.demo_report import print_report, summary
from gateway.cli.errors import FAILED, CommandFailed, CommandMisused
from gateway.cli.printing import UNFOLDED_WIDTH, print_line
from gateway.demo import Demo, DemoError, Sizes, play


def demo(
    *,
    purchases: Annotated[int, typer.Option(min=1, help="How many purchases the game plays.")] = 400,
    players: Annotated[int, typer.Option(min=1, help="How many players each operator has.")] = 10,
    kills: Annotated[int, typer.Option(min=0, help="How many times the gateway is killed meanwhile.")] = 1,
    keep: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep journal, ledgers, configuration and log in this folder.")
    ] = None,
) -> None:
    """Play purchases through a real gateway at operators that fail in every way, and compare the books at the end."""
    sizes = Sizes(purchases, players, kills)
    folder = _make_folder(keep)
    try:
        result = _play(sizes, folder)
    except KeyboardInterrupt:
        _remove_temporary(folder, keep)
        raise
    agrees = result.audit.agrees
    console = Console(width=None if sys.stdout.isatty() else UNFOLDED_WIDTH, highlight=False)
    print_report(console, result, kept=keep is not None or not agrees)
    if agrees:  # the files of a failed run stay: they show why it failed
        _remove_temporary(folder, keep)
    print_line(summary(sizes, result))
    if not agrees:
        raise typer.Exit(FAILED)


def _make_folder(keep: Path | None) -> Path:
    if keep is None:
        return Path(tempfile.mkdtemp(prefix="mm-gateway-demo-"))
    if keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        raise CommandMisused(f"{keep} exists and is not empty; give --keep a new or empty folder")
    keep.mkdir(parents=True, exist_ok=True)
    return keep.resolve()


def _remove_temporary(folder: Path, keep: Path | None) -> None:
    if keep is None:
        shutil.rmtree(folder)


def _play(sizes: Sizes, folder: Path) -> Demo:
    try:
        with show_progress(sizes.purchases) as listener:
            return asyncio.run(play(sizes, folder, listener))
    except DemoError as error:
        raise CommandFailed(f"{error}; see {folder}") from error
