"""Finds the command that the command line names, runs it, and turns its error into a line and an exit status."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper
from traceback import extract_tb
from typing import Final

import typer
from typer.exceptions import TyperException

from gateway.cli.errors import FAILED, MISUSED, CommandFailed, CommandMisused
from gateway.journal.interface import JournalError, JournalMisconfigured
from gateway.settings import SettingsError

PROGRAM: Final = "mm-gateway"
INTERRUPTED: Final = 130

HELP: Final = "The wallet gateway: between a game and the operators whose wallets hold its players' money."

COMMANDS: Final = {
    "serve": ("serve", "serve"),
    "check": ("check", "check"),
    "migrate": ("migrate", "migrate"),
    "schema": ("schema", "schema"),
    "transfers": ("transfers", "app"),
    "rollbacks": ("rollbacks", "rollbacks"),
    "retry": ("retry", "retry"),
    "resolve": ("resolve", "resolve"),
    "journal": ("journal_copy", "app"),
    "demo": ("demo", "demo"),
    "sandbox": ("sandbox", "sandbox"),
    "hash-password": ("hash_password", "hash_password"),
}
"""For each command, its module in this folder, and the name in it of the command or the group of commands."""


def main() -> None:
    """Runs the command that the command line names, and ends the process with its status."""
    _speak_utf_8()
    sys.exit(_status())


def application(words: Sequence[str]) -> typer.Typer:
    """The program with the command that these words begin with, or with all commands if they name none."""
    # Only the named command's module is imported: importing all of them takes longer than most commands run.
    app = typer.Typer(help=HELP, no_args_is_help=True, add_completion=False, rich_markup_mode=None)
    app.callback()(_program)
    for name in words[:1] if words and words[0] in COMMANDS else COMMANDS:
        module, attribute = COMMANDS[name]
        command = getattr(import_module(f"gateway.cli.{module}"), attribute)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)
    return app


def _program() -> None:
    """Does nothing. With a callback typer expects a command's name even if there is only one command."""


def _speak_utf_8() -> None:
    """Reads and writes UTF-8 whatever the locale is: JSON must be (RFC 8259, section 8.1), and Python itself does so
    from version 3.15 on (PEP 686)."""
    for stream, errors in ((sys.stdin, "strict"), (sys.stdout, "backslashreplace"), (sys.stderr, "backslashreplace")):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors=errors)


def _status() -> int:
    try:
        app = application(sys.argv[1:])
        returned = typer.main.get_command(app)(prog_name=PROGRAM, standalone_mode=False)
        return returned if isinstance(returned, int) else 0
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        sys.stdout = None  # the reader is gone, and flushing at exit would raise again
        return FAILED
    except Exception as error:  # noqa: BLE001 - the last place that can make one line of it
        text, status = _told(error)
        sys.stderr.write(
            text if text.startswith("Usage:") else "".join(f"{PROGRAM}: {line}\n" for line in text.split("\n"))
        )
        return status


def _told(error: Exception) -> tuple[str, int]:
    """The error's text and the exit status."""
    if isinstance(error, TyperException):
        return error.format_message(), error.exit_code
    if isinstance(error, SettingsError | JournalMisconfigured | CommandMisused):
        return str(error), MISUSED
    if isinstance(error, JournalError | CommandFailed):
        return str(error), FAILED
    frame = extract_tb(error.__traceback__)[-1]
    return f"unexpected {type(error).__name__} in {frame.name} (line {frame.lineno}); please report it", FAILED
