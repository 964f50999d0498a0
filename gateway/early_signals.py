"""Signals that come before the program has begun to listen to them: kept, and asked for once it listens.

Whoever renews a certificate sends SIGHUP, perhaps in the moment of a restart; by default it would end the process.
Imports take a third of a second, so that this module is the first that the program loads.
"""

from __future__ import annotations

import signal
from types import FrameType

_kept: set[int] = set()


def keep() -> None:
    """From now on SIGHUP is kept, until the program sets a handler of its own."""
    signal.signal(signal.SIGHUP, _keep)


def take() -> bool:
    """Whether SIGHUP has come since `keep`; only once."""
    came = signal.SIGHUP in _kept
    _kept.clear()
    return came


def _keep(number: int, _frame: FrameType | None) -> None:
    _kept.add(number)
