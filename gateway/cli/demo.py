"""`mm-gateway demo`: plays purchases that go wrong in every way, and proves that no money was lost."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final, TextIO

import typer
from rich.console import Console

from gateway.cli.demo_progress import show_progress
from gateway.cli.demo_report import demo_view, print_report, summary
from gateway.cli.errors import FAILED, CommandFailed, CommandMisused
from gateway.cli.interruption import Interruption, interruptible
from gateway.cli.options import AsJson
from gateway.cli.printing import UNFOLDED_WIDTH, print_json, print_line
from gateway.demo import Demo, DemoError, Sizes, play
from gateway.private_files import OTHERS
from gateway.sandbox.simulated import simulated_operators

FEW: Final = 2
"""How many adapters are played if none is named: so few that it takes less than a minute."""


def demo(
    *,
    adapters: Annotated[
        list[str] | None, typer.Option("--adapter", metavar="NAME", help="Play it; may be given several times.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Play every adapter that has a simulated side.")] = False,
    purchases: Annotated[int, typer.Option(min=1, help="How many purchases the game plays.")] = 400,
    players: Annotated[int, typer.Option(min=1, help="How many players each operator has.")] = 10,
    kills: Annotated[int, typer.Option(min=0, help="How many times the gateway is killed meanwhile.")] = 1,
    keep: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep journal, ledgers, configuration and log in this folder.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Play purchases through a real gateway at operators that fail in every way, and compare the books at the end.

    Without --adapter and --all, two of the installed adapters are played.
    """
    sizes = Sizes(_protocols(adapters, every=every), purchases, players, kills)
    os.umask(OTHERS)  # what is made, here and by the gateway's process, holds passwords and session tokens
    with interruptible() as interruption, _folder(keep) as folder:
        result = _play(sizes, folder, interruption, sys.stderr if as_json else sys.stdout)
        agrees = result.audit.agrees
        kept = keep is not None or not agrees
        if as_json:
            print_json(demo_view(result, kept=kept))
        else:
            console = Console(width=None if sys.stdout.isatty() else UNFOLDED_WIDTH, highlight=False)
            print_report(console, result, kept=kept)
            print_line(summary(sizes, result))
        if not agrees:
            raise typer.Exit(FAILED)


def _protocols(adapters: list[str] | None, *, every: bool) -> tuple[str, ...]:
    """The names of the adapters to play, each once."""
    playable = sorted(simulated_operators())
    if adapters and every:
        raise CommandMisused("--all plays every adapter; give it alone, or --adapter")
    if unknown := [name for name in adapters or () if name not in playable]:
        raise CommandMisused(f"no simulated operator speaks {unknown[0]!r}; there are: {', '.join(playable)}")
    if adapters:
        return tuple(dict.fromkeys(adapters))
    return tuple(playable if every else playable[:FEW])


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """Where the files lie while the block runs. A temporary folder is removed, except that of a run that failed: it
    shows why."""
    if keep is not None:
        yield _new_or_empty(keep)
        return
    folder = Path(tempfile.mkdtemp(prefix="mm-gateway-demo-"))
    failed = False
    try:
        yield folder
    except (CommandFailed, typer.Exit):
        failed = True
        raise
    finally:
        if not failed:
            shutil.rmtree(folder)


def _new_or_empty(keep: Path) -> Path:
    if keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        raise CommandMisused(f"{keep} exists and is not empty; give --keep a new or empty folder")
    keep.mkdir(parents=True, exist_ok=True)
    return keep.resolve()


def _play(sizes: Sizes, folder: Path, interruption: Interruption, stream: TextIO) -> Demo:
    try:
        with show_progress(sizes.purchases, stream) as listener:
            return interruption.run(play(sizes, folder, listener))
    except DemoError as error:
        raise CommandFailed(f"{error}; see {folder}") from error
