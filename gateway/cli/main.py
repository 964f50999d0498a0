"""All commands, and what becomes of their errors."""

from __future__ import annotations

import sys
from traceback import extract_tb
from typing import Final

import typer
from typer.exceptions import TyperException

from gateway.cli import (
    check,
    copying,
    demo,
    hashing,
    migrate,
    resolve,
    retry,
    rollbacks,
    sandbox,
    schema,
    serve,
    transfers,
)
from gateway.cli.errors import FAILED, MISUSED, CommandFailed, CommandMisused
from gateway.journal.interface import JournalError, JournalMisconfigured
from gateway.settings import SettingsError

PROGRAM: Final = "mm-gateway"
INTERRUPTED: Final = 130

app = typer.Typer(
    help="The wallet gateway: between a game and the operators whose wallets hold its players' money.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
app.command("serve")(serve.serve)
app.command("check")(check.check)
app.command("migrate")(migrate.migrate)
app.command("schema")(schema.schema)
app.add_typer(transfers.app, name="transfers")
app.command("rollbacks")(rollbacks.rollbacks)
app.command("retry")(retry.retry)
app.command("resolve")(resolve.resolve)
app.add_typer(copying.app, name="journal")
app.command("demo")(demo.demo)
app.command("sandbox")(sandbox.sandbox)
app.command("hash-password")(hashing.hash_password)


def main() -> None:
    """Runs the command that the command line names, and ends the process with its status."""
    sys.exit(_status())


def _status() -> int:
    try:
        returned = typer.main.get_command(app)(prog_name=PROGRAM, standalone_mode=False)
        return returned if isinstance(returned, int) else 0
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        sys.stdout = None  # whoever read it has seen enough: nothing is left to flush
        return FAILED
    except Exception as error:  # noqa: BLE001 - the last place where it can be told in one line
        text, status = _told(error)
        sys.stderr.write(
            text if text.startswith("Usage:") else "".join(f"{PROGRAM}: {line}\n" for line in text.split("\n"))
        )
        return status


def _told(error: Exception) -> tuple[str, int]:
    """What to say of an error, and the exit status."""
    if isinstance(error, TyperException):
        return error.format_message(), error.exit_code
    if isinstance(error, SettingsError | JournalMisconfigured | CommandMisused):
        return str(error), MISUSED
    if isinstance(error, JournalError | CommandFailed):
        return str(error), FAILED
    frame = extract_tb(error.__traceback__)[-1]
    return f"unexpected {type(error).__name__} in {frame.name} (line {frame.lineno}); please report it", FAILED
