"""Named points at which a test may kill the process, to prove that nothing is lost there.

Armed by the environment alone: ``MM_GATEWAY_CRASH_AT=hold.durable:3`` sends SIGKILL to the process the third time
it comes by that point. Unarmed, a point costs one comparison.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from threading import current_thread, main_thread
from typing import Final

ENVIRONMENT: Final = "MM_GATEWAY_CRASH_AT"

HEAD_START_S: Final = 0.02
"""How far the loop runs ahead of a thread that is about to die, so that whatever failed to wait for it goes out."""

POINTS: Final = frozenset(
    {
        # A call comes in, and goes out again.
        "call.read",
        "call.answering",
        "call.answered",
        "session.remembered",
        # A withdraw or deposit.
        "hold.begun",
        "hold.admitted",
        "hold.durable",
        "hold.answered",
        "hold.recorded",
        "hold.refused",
        "followup.begun",
        "followup.recorded",
        # A confirm or rollback.
        "end.begun",
        "end.decided",
        "end.adopted",
        "end.joined",
        "end.noted",
        "end.delivered",
        # A decision on its way to the operator.
        "delivery.claimed",
        "delivery.recovered",
        "delivery.admitted",
        "delivery.answered",
        "delivery.recorded",
        "delivery.postponed",
        "delivery.parked",
        # The operator's side of the wire.
        "client.writing",
        "client.written",
        "client.answered",
        # The journal.
        "journal.handed_over",
        "journal.durable",
        "sqlite.uncommitted",
        "sqlite.committed",
        "sqlite.checkpointing",
        "sqlite.checkpointed",
        "postgres.sending",
        "postgres.sent",
        "postgres.answered",
        # The process as a whole.
        "start.inherited",
        "start.serving",
        "recovery.beaten",
        "recovery.inherited",
        "recovery.pruned",
        "reload.prepared",
        "reload.swapped",
        "stop.refusing",
        "stop.settled",
        "stop.told",
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


def crash_point_once_written(name: str) -> None:
    """As `crash_point`, but dies only after the loop has given the system what was written to sockets before this."""
    if name == _name:
        asyncio.get_running_loop().call_soon(_pass_armed)


def _pass_armed() -> None:
    global _times_left  # noqa: PLW0603 - one process, one armed point
    _times_left -= 1
    if _times_left == 0:
        if current_thread() is not main_thread():
            time.sleep(HEAD_START_S)
        os.write(2, f"killed at crash point {_name}\n".encode())
        os.kill(os.getpid(), signal.SIGKILL)
