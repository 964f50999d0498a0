"""Named points at which a test may kill the process, to prove that nothing is lost there.

Set by the environment alone: ``MM_GATEWAY_CRASH_AT=hold.durable:3`` sends SIGKILL to the process the third time it
passes that point. Where it is not set, a point costs one comparison. `tests/acceptance/crash` kills at every point.
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
"""Seconds that a thread leaves the event loop before it kills the process: if the loop does not wait for the thread's
work, as it must, what it sends in that time reaches the operator or the game, where the test finds it."""

POINTS: Final = frozenset(
    {
        # A call of the game: its request, its response.
        "http.read",
        "http.answering",
        "http.answered",
        "session.remembered",
        # A withdraw or deposit.
        "hold.begun",
        "hold.admitted",
        "hold.durable",
        "hold.answered",
        "hold.recorded",
        "hold.refused",
        "unrecorded.begun",
        "unrecorded.recorded",
        # A confirm or rollback.
        "end.begun",
        "end.decided",
        "end.adopted",
        "end.joined",
        "end.noted",
        "end.delivered",
        # A payment that a payment system tells of.
        "payment.received",
        "payment.recorded",
        "payment.sent",
        "payment.acknowledged",
        # The delivery of a decision to the operator.
        "delivery.claimed",
        "delivery.recovered",
        "delivery.admitted",
        "delivery.answered",
        "delivery.recorded",
        "delivery.postponed",
        "delivery.parked",
        # A request to the operator.
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
        # A move of operators to another journal, by a command.
        "move.arriving",
        "move.copied",
        "move.moved",
        # The process as a whole.
        "start.inherited",
        "start.serving",
        "housekeeping.lease_renewed",
        "housekeeping.orphans_released",
        "housekeeping.pruned",
        "reload.prepared",
        "reload.swapped",
        "stop.refusing",
        "stop.settled",
        "stop.told",
    }
)


def _read_environment() -> tuple[str, int]:
    """The point's name, and how many times it is passed until the process dies. The name is empty where none is set."""
    name, _, times = os.environ.get(ENVIRONMENT, "").partition(":")
    return name, int(times or 1)


_name, _times_left = _read_environment()


def crash_point(name: str) -> None:
    """Kills the process here if the environment names this point and it has been passed often enough."""
    if name == _name:
        _count_down()


def crash_point_once_written(name: str) -> None:
    """As `crash_point`, but only after the event loop has handed to the system what was written to sockets before."""
    if name == _name:
        # One turn later: a transport that could not write at once does so when the loop next polls its sockets.
        asyncio.get_running_loop().call_soon(_count_down)


def _count_down() -> None:
    global _times_left  # noqa: PLW0603 - one process, one point
    _times_left -= 1
    if _times_left == 0:
        if current_thread() is not main_thread():
            time.sleep(HEAD_START_S)
        # Past the log and its buffer: SIGKILL leaves neither a chance to be written.
        os.write(2, f"killed at crash point {_name}\n".encode())
        os.kill(os.getpid(), signal.SIGKILL)
