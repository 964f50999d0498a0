"""Named points at which a test may kill the process, to prove that nothing is lost there.

Armed by the environment alone: ``MM_GATEWAY_CRASH_AT=hold.durable:3`` sends SIGKILL to the process the third time
it comes by that point. Unarmed, a point costs one comparison.
"""

from __future__ import annotations

import os
import signal
from typing import Final

ENVIRONMENT: Final = "MM_GATEWAY_CRASH_AT"

POINTS: Final = frozenset(
    {
        "hold.begun",
        "hold.admitted",
        "hold.durable",
        "hold.answered",
        "hold.recorded",
        "hold.refused",
        "end.begun",
        "end.decided",
        "end.adopted",
        "end.joined",
        "end.noted",
        "end.delivered",
        "delivery.claimed",
        "delivery.recovered",
        "delivery.admitted",
        "delivery.answered",
        "delivery.recorded",
        "delivery.postponed",
        "delivery.parked",
        "followup.recorded",
        "recovery.inherited",
        "recovery.pruned",
    }
)


def _armed() -> tuple[str, int]:
    name, _, times = os.environ.get(ENVIRONMENT, "").partition(":")
    return name, int(times or 1)


_name, _times_left = _armed()


def crash_point(name: str) -> None:
    """Dies here if this point is armed and its time has come; does nothing otherwise."""
    if name == _name:
        _pass_armed()


def _pass_armed() -> None:
    global _times_left  # noqa: PLW0603 - one process, one armed point
    _times_left -= 1
    if _times_left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
