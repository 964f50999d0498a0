"""`mm-gateway check`: whether a configuration can be used, and whether its journals and operators can be reached.

Without `--probe` nothing is asked that others use: it reads the configuration, and what a start needs on this machine
(files, their owners and rights, addresses to listen on). With it, it also asks ports, journals and operators.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from gateway.cli.configuration import load_all
from gateway.cli.errors import CommandFailed, CommandMisused
from gateway.cli.options import Config
from gateway.cli.printing import print_line, print_note, print_table
from gateway.cli.probes import ProbeResult, Result, probe_all
from gateway.runtime.rehearsal import rehearse


def check(
    *,
    config: Config = None,
    probe: Annotated[
        bool, typer.Option("--probe", help="Also ask ports, journals and operators. Moves no money.")
    ] = False,
) -> None:
    """Check the configuration, and print every problem with its line and what would be right."""
    loaded = load_all(config)
    for problem in loaded.advice:
        print_note(str(problem))
    settings = loaded.settings
    if problems := asyncio.run(rehearse(settings)):
        raise CommandMisused("\n".join(problems))
    counts = f"{len(settings.operators)} operators, {len(settings.every_journal)} journals"
    print_line(f"the configuration can be used: {counts}")
    if probe:
        _report(asyncio.run(probe_all(settings)))
        return
    for name, operator in settings.operators.items():
        if operator.retiring:
            print_note(f"operators.{name} is retiring: --probe counts what of it is unfinished")


def _report(findings: list[ProbeResult]) -> None:
    rows = [{"probed": each.what, "result": each.result, "detail": each.text} for each in findings]
    print_table(rows, ("probed", "result", "detail"))
    if failed := sum(each.result is Result.FAILED for each in findings):
        raise CommandFailed(f"{failed} of {len(findings)} probes failed")
