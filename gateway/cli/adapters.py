"""`mm-gateway adapters`: which adapters are installed and what they can do. Its subcommands stand in modules of their
own."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final

import typer

from gateway.cli.adapters_check import check
from gateway.cli.adapters_new import new
from gateway.cli.adapters_try import try_call
from gateway.cli.groups import OptionsAnywhere
from gateway.cli.installed_adapters import InstalledAdapter, installed_adapters, report_of
from gateway.cli.options import AsJson
from gateway.cli.printing import print_json, print_table
from gateway.testing.behaviours import Grade

COLUMNS: Final = ("adapter", "distribution", "version", "interface", "capabilities", "problem")
NO_GRADE: Final = "none: money could be lost"

app = typer.Typer(
    cls=OptionsAnywhere, help="See which adapters are installed, check, make and try them.", rich_markup_mode=None
)
app.command("check")(check)
app.command("new")(new)
app.command("try")(try_call)


@app.callback(invoke_without_command=True)
def adapters(
    context: typer.Context,
    *,
    grade: Annotated[
        bool, typer.Option("--grade", help="Also say which grade each reaches: plays the suite, some seconds each.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the adapters that are installed; `check NAME` plays the suite on one, `try CALL` makes one call of it, and
    `new NAME` makes the package of another."""
    if context.invoked_subcommand is not None:
        return
    rows = [_row(each, grade=grade) for each in installed_adapters()]
    if as_json:
        print_json(rows)
        return
    shown = [{**row, "capabilities": ", ".join(row["capabilities"])} for row in rows]
    print_table(shown, (*COLUMNS, "grade") if grade else COLUMNS)


def _row(installed: InstalledAdapter, *, grade: bool) -> dict[str, Any]:
    row = {
        "adapter": installed.name,
        "distribution": installed.distribution,
        "version": installed.version,
        "interface": installed.interface,
        "capabilities": installed.capabilities,
        "problem": installed.problem,
    }
    return {**row, "grade": _grade(installed)} if grade else row


def _grade(installed: InstalledAdapter) -> Grade | str:
    if installed.subject is None:
        return ""
    return asyncio.run(report_of(installed)).grade or NO_GRADE
