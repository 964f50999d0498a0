"""The command line: `mm-gateway`.

`main` finds the command and turns errors into a line and an exit status (`errors`). Each command stands in the module
of its name. The commands share `configuration`, `all_journals` (opens them), `options`, `undelivered` (finds what a
person may act on), and for their output `printing`, `views` and `times`.
"""

from __future__ import annotations

import sys

from gateway import early_signals

if sys.argv[1:2] == ["serve"]:  # before anything else is imported: that takes longer than a signal needs
    early_signals.keep()

from gateway.cli.main import main

__all__ = ["main"]
