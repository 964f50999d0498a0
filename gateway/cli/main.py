"""Finds the command that the command line names, runs it, and turns its error into a line and an exit status."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper
from traceback import extract_tb
from typing import Annotated, Final

import typer
from typer.exceptions import TyperException

from gateway.build import build, version
from gateway.cli.debug import traceback_of, without_debug
from gateway.cli.errors import FAILED, MISUSED, CommandFailed, CommandMisused
from gateway.cli.printing import print_note
from gateway.journal.interface import JournalError, JournalMisconfigured
from gateway.journal.migrations import migrations_of
from gateway.operators.adapter import INTERFACE_VERSION
from gateway.settings import SettingsError
from gateway.telemetry import logs

PROGRAM: Final = "mm-gateway"
INTERRUPTED: Final = 130
COMPLETES: Final = "_MM_GATEWAY_COMPLETE"
"""The variable in which a shell's script asks what may stand where the cursor is."""

REPORTING: Final = "CONTRIBUTING.md"

HELP: Final = "The wallet gateway: between a game and the operators whose wallets hold its players' money."

COMMANDS: Final = {
    "serve": ("serve", "serve"),
    "reload": ("reload", "reload"),
    "check": ("check", "check"),
    "health": ("health", "health"),
    "status": ("status", "status"),
    "migrate": ("migrate", "migrate"),
    "schema": ("schema", "schema"),
    "rules": ("rules", "rules"),
    "transfers": ("transfers", "app"),
    "rollbacks": ("rollbacks", "rollbacks"),
    "retry": ("retry", "retry"),
    "resolve": ("resolve", "resolve"),
    "journal": ("journal_copy", "app"),
    "launch": ("launch", "launch"),
    "demo": ("demo", "demo"),
    "sandbox": ("sandbox", "sandbox"),
    "adapters": ("adapters", "app"),
    "hash-password": ("hash_password", "hash_password"),
    "completion": ("completion", "completion"),
}
"""For each command, its module in this folder, and the name in it of the command or the group of commands."""


def main() -> None:
    """Runs the command that the command line names, and ends the process with its status."""
    _speak_utf_8()
    sys.exit(_status(*without_debug(sys.argv[1:])))


def application(words: Sequence[str]) -> typer.Typer:
    """The program with the command that these words begin with, or with all commands if they name none."""
    # Only the named command's module is imported: importing all of them takes longer than most commands run.
    app = _without_commands()
    for name in words[:1] if words and words[0] in COMMANDS else COMMANDS:
        module, attribute = COMMANDS[name]
        command = getattr(import_module(f"gateway.cli.{module}"), attribute)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)
    return app


def command_names() -> typer.Typer:
    """The program with the names of all commands, and nothing behind them: for a shell that completes one."""
    app = _without_commands()
    for name in COMMANDS:
        app.command(name)(_not_loaded)
    return app


def _without_commands() -> typer.Typer:
    app = typer.Typer(help=HELP, no_args_is_help=True, add_completion=False, rich_markup_mode=None)
    app.callback()(_program)
    return app


def _not_loaded() -> None:
    # In place of a command of which only the name is wanted; a docstring would be shown as its help.
    pass


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer's signature
    if wanted:
        sys.stdout.write("".join(f"{line}\n" for line in _version_lines()))
        raise typer.Exit


def _version_lines() -> list[str]:
    postgres, sqlite = (len(migrations_of(f"gateway.journal.{store}")) for store in ("postgres", "sqlite"))
    return [
        f"{PROGRAM} {version()}",
        f"build: {build()}",
        f"Python: {platform.python_version()}",
        f"journal schemas: PostgreSQL {postgres}, SQLite {sqlite}",
        f"adapter interface: {INTERFACE_VERSION}",
    ]


def _program(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Which version and build this is.")
    ] = False,
    debug: Annotated[
        bool,
        typer.Option(
            "--debug",
            help="Of an unexpected error also print the traceback: frames only, without values and without the error's "
            "message, which may hold secrets. May stand after the command too; MM_GATEWAY_DEBUG=1 does the same.",
        ),
    ] = False,
) -> None:
    """With a callback typer expects a command's name even if there is only one command. `--debug` is here for its help:
    `main` has already taken it."""


def _speak_utf_8() -> None:
    """Reads and writes UTF-8 whatever the locale is: JSON must be (RFC 8259, section 8.1), and Python itself does so
    from version 3.15 on (PEP 686)."""
    for stream, errors in ((sys.stdin, "strict"), (sys.stdout, "backslashreplace"), (sys.stderr, "backslashreplace")):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors=errors)


def _status(words: list[str], debug: bool) -> int:  # noqa: FBT001 - as `without_debug` gives it
    try:
        if COMPLETES in os.environ:
            from gateway.cli.completion import answer  # noqa: PLC0415 - nobody else needs it

            return answer()
        app = application(words)
        returned = typer.main.get_command(app)(words, prog_name=PROGRAM, standalone_mode=False)
        return returned if isinstance(returned, int) else 0
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        sys.stdout = None  # the reader is gone, and flushing at exit would raise again
        return FAILED
    except Exception as error:  # noqa: BLE001 - the last place that can make one line of it
        text, status = _describe(error, debug=debug)
        # A journal's or a library's text may hold what the configuration keeps secret, and what a terminal would obey.
        for line in logs.redact(text).split("\n"):
            print_note(line if text.startswith("Usage:") else f"{PROGRAM}: {line}")
        return status


def _describe(error: Exception, *, debug: bool) -> tuple[str, int]:
    """The error's text and the exit status."""
    if isinstance(error, TyperException):
        return error.format_message(), error.exit_code
    if isinstance(error, SettingsError | JournalMisconfigured | CommandMisused):
        return str(error), MISUSED
    if isinstance(error, JournalError | CommandFailed):
        return str(error), FAILED
    return _unexpected(error, debug=debug), FAILED


def _unexpected(error: Exception, *, debug: bool) -> str:
    frame = extract_tb(error.__traceback__)[-1]
    what = f"unexpected {type(error).__name__} in {frame.name} (line {frame.lineno})"
    if debug:
        return f"{''.join(traceback_of(error))}{what}; please report all of this on the issue tracker ({REPORTING})"
    return f"{what}; --debug shows where it came from; please report that on the issue tracker ({REPORTING})"
