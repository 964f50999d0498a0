"""`mm-gateway check`: whether a configuration can be used, and whether its journals and operators can be reached.

Without `--probe` nothing is asked that others use: it reads the configuration, and what a start needs on this machine
(files, their owners and rights, addresses to listen on). With it, it also asks ports, journals and operators.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer

from gateway.cli.configuration import load_all
from gateway.cli.errors import CommandFailed, CommandMisused
from gateway.cli.options import AsJson, Config
from gateway.cli.printing import print_json, print_line, print_note, print_table
from gateway.cli.probes import ProbeResult, Result, probe_all
from gateway.cli.views import View
from gateway.runtime.rehearsal import rehearse
from gateway.settings import Settings, SettingsError


def check(
    *,
    config: Config = None,
    probe: Annotated[
        bool, typer.Option("--probe", help="Also ask ports, journals and operators. Moves no money.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check the configuration, and print every problem with its line and what would be right."""
    try:
        loaded = load_all(config)
    except SettingsError as error:
        if as_json:
            print_json(_view([str(problem) for problem in error.problems]))
        raise
    settings, advice = loaded.settings, [str(problem) for problem in loaded.advice]
    if not probe:
        advice += [
            f"operators.{name} is retiring: --probe counts what of it is unfinished"
            for name, operator in settings.operators.items()
            if operator.retiring
        ]
    problems = asyncio.run(rehearse(settings))
    findings = asyncio.run(probe_all(settings)) if probe and not problems else []
    if as_json:
        print_json(_view(problems, advice, settings, findings))
    else:
        _print(problems, advice, settings, findings)
    if problems:
        raise CommandMisused("\n".join(problems))
    if failed := sum(each.result is Result.FAILED for each in findings):
        raise CommandFailed(f"{failed} of {len(findings)} probes failed")


def _view(
    problems: Sequence[str],
    advice: Sequence[str] = (),
    settings: Settings | None = None,
    findings: Sequence[ProbeResult] = (),
) -> View:
    """`operators` and `journals` are how many there are; None where the file does not say."""
    return {
        "usable": not problems,
        "problems": problems,
        "advice": advice,
        "operators": settings and len(settings.operators),
        "journals": settings and len(settings.every_journal),
        "probes": [each._asdict() for each in findings],
    }


def _print(problems: Sequence[str], advice: Sequence[str], settings: Settings, findings: Sequence[ProbeResult]) -> None:
    for text in advice:
        print_note(text)
    if not problems:
        counts = f"{len(settings.operators)} operators, {len(settings.every_journal)} journals"
        print_line(f"the configuration can be used: {counts}")
    if findings:
        rows = [{"probed": each.what, "result": each.result, "detail": each.text} for each in findings]
        print_table(rows, ("probed", "result", "detail"))
