"""How a command fails: one line on standard error, and an exit status that a script can act on."""

from __future__ import annotations

from typing import Final

FAILED: Final = 1
MISUSED: Final = 2
"""The exit status if the command line or the configuration is wrong: repeating the command does not help."""


class CommandFailed(Exception):
    """The command could not do its work; the text says why, and what to do."""


class CommandMisused(Exception):
    """The command line is wrong; the text says what would be right."""
