"""`mm-gateway completion`: prints the script with which a shell completes this program's command lines, and answers
what that script asks at each press of the tab key."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Annotated, Final

import typer
from typer.main import get_command, get_install_completion_arguments

from gateway.cli.main import COMMANDS, COMPLETES, PROGRAM, application, command_names

_TYPED: Final = ("COMP_WORDS", "_TYPER_COMPLETE_ARGS")
"""Where the scripts put the command line: that of bash, and those of the others."""


class Shell(StrEnum):
    """The shells that can be taught."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(shell: Annotated[Shell, typer.Argument(help="The shell to print it for.")]) -> None:
    """Print the script that teaches a shell to complete commands, options, and the values that are known.

    \b
      bash:  source <(mm-gateway completion bash)
      zsh:   source <(mm-gateway completion zsh)
      fish:  mm-gateway completion fish | source

    In the shell's own start file it does so in every new shell. Operators are those of --config or MM_GATEWAY_CONFIG.
    """  # noqa: D301 - the escape marks lines that are not to be folded
    os.environ[COMPLETES] = f"source_{shell}"  # as Typer is asked for its own script
    answer()


def answer() -> int:
    """Prints what may stand where the cursor is, in the form that the asking script reads."""
    # As with a command that runs, only the named one is imported: nobody waits a second for a completed word.
    typed = next((os.environ[name] for name in _TYPED if name in os.environ), "").split()[1:]
    app = application(typed) if typed and typed[0] in COMMANDS else command_names()
    get_install_completion_arguments()  # this is what tells Typer of the shells
    returned = get_command(app)([], prog_name=PROGRAM, complete_var=COMPLETES, standalone_mode=False)
    return returned if isinstance(returned, int) else 0
