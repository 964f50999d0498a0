"""`mm-gateway adapters check`: plays the conformance suite on adapters that are installed."""

from __future__ import annotations

import asyncio
from itertools import groupby
from typing import Annotated

import typer

from gateway.cli.errors import CommandFailed, CommandMisused
from gateway.cli.installed_adapters import InstalledAdapter, installed_adapters, report_of
from gateway.cli.options import AsJson
from gateway.cli.printing import print_json, print_line
from gateway.testing.suite import BehaviourResult, Passing, Report

MARKS = {Passing.PASSED: "ok", Passing.EXEMPT: "exempt", Passing.FAILED: "FAILED"}


def check(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="An adapter that is installed.")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Every adapter that is installed.")] = False,
    as_json: AsJson = False,
) -> None:
    """Play the suite on an adapter against its simulated operator, and say which grade it reaches."""
    reports = asyncio.run(_play_all(_chosen(name, every=every)))
    if as_json:
        print_json(reports)
    else:
        for report in reports:
            _print_report(report)
    if failed := [report.adapter for report in reports if not report.passed]:
        raise CommandFailed(f"{len(failed)} of {len(reports)} adapters failed: {', '.join(failed)}")


def _chosen(name: str | None, *, every: bool) -> list[InstalledAdapter]:
    """The adapters that the command line names. Raises `CommandMisused` or `CommandFailed`."""
    if (name is None) != every:
        raise CommandMisused("name one adapter, or give --all")
    found = [each for each in installed_adapters() if name in {None, each.name}]
    if not found:
        names = ", ".join(each.name for each in installed_adapters())
        raise CommandMisused(f"there is no adapter {name!r}; installed are: {names or 'none'}")
    if problems := [f"adapter {each.name!r}: {each.problem}" for each in found if each.subject is None]:
        raise CommandFailed("\n".join(problems))
    return found


async def _play_all(chosen: list[InstalledAdapter]) -> list[Report]:
    return [await report_of(each) for each in chosen]


def _print_report(report: Report) -> None:
    for grade, results in groupby(sorted(report.results, key=_grade_order), lambda result: result.grade):
        print_line(f"{report.adapter}: {grade}")
        for result in results:
            _print_result(result)
    for problem in report.problems:
        print_line(f"  {'FAILED':7} {problem}")
    print_line(f"{report.adapter}: grade {report.grade or 'none'}")


def _print_result(result: BehaviourResult) -> None:
    reason = f": {result.exemption}" if result.passing is Passing.EXEMPT else ""
    print_line(f"  {MARKS[result.passing]:7} {result.behaviour}{reason}")
    for line in result.text.splitlines()[1:]:
        print_line(f"          {line}")


def _grade_order(result: BehaviourResult) -> int:
    return list(type(result.grade)).index(result.grade)
