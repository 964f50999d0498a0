"""How a command fails: one clear line on standard error, and an exit status that a script can act on."""

from __future__ import annotations

from typing import Final

FAILED: Final = 1
MISUSED: Final = 2
"""The command line or the configuration is wrong: trying again does not help."""


class CommandFailed(Exception):
    """The command could not do what it was asked to; the text says why, and what to do."""


class CommandMisused(Exception):
    """The command was not asked properly."""
