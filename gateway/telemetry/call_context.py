"""On whose behalf code runs: what is known of the game's call, for every line that is logged meanwhile.

This is the one place for what a line says of its call: a field that is added here stands on all of them. The call's own
task sets `CALL`; tasks that it starts inherit it. Work that no call began (deliveries, housekeeping) has none.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextvars import ContextVar
from itertools import count
from typing import Final

from gateway.records import Session

REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._~:/+=@-]{1,128}")
"""A request id that is accepted from the game: it can stand in a header and in a log without being escaped."""


class CallContext:
    """A call of the game: `request_id` names it; empty for work that no call of the game began.

    `transfer` is its mmTransactionId and `player` the id of its player: empty until they are known, or if there is
    none. `operator_s` is how long the operator took so far, all its requests together. `trace_id` is empty where
    nothing is traced.
    """

    # Defaults of the class: setting each of them for each call would cost more than all that comes later.
    request_id = ""
    transfer = ""
    player = ""
    operator_s = 0.0
    trace_id = ""

    def __init__(self, request_id: str = "") -> None:
        self.request_id = request_id

    def log_fields(self) -> Iterator[tuple[str, str]]:
        """What each line says that is logged during the call, as far as it is known."""
        for name, value in (
            ("request_id", self.request_id),
            ("id", self.transfer),
            ("player", self.player),
            ("trace_id", self.trace_id),
        ):
            if value:
                yield name, value


CALL: Final[ContextVar[CallContext | None]] = ContextVar("call", default=None)
"""The call on whose behalf the present code runs."""


def note_transfer(transfer_id: str) -> None:
    """The present call is about this transfer."""
    call = CALL.get()
    if call is not None:
        call.transfer = transfer_id


def note_session(session: Session) -> None:
    """The present call is of this session's player, as far as it is known."""
    call = CALL.get()
    if call is not None and session.player_id:
        call.player = session.logged_player


def request_ids() -> Iterator[str]:
    """Request ids without an end. No two are the same, of all gateways: a random beginning for each, and a number.

    A random id for each call would cost a system call.
    """
    return map(f"{secrets.token_hex(6)}-{{}}".format, count(1))
