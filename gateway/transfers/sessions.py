"""The players' sessions: what an adapter asked to be remembered about a token when it verified it."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from gateway.crashpoints import crash_point
from gateway.journal.records import Session
from gateway.operators.operator import Operator
from gateway.transfers.context import Context, recorded

REMEMBERED: Final = 100_000


class Sessions:
    """The journal's sessions with the latest `capacity` of them in memory."""

    def __init__(self, context: Context, capacity: int = REMEMBERED) -> None:
        self._context = context
        self._capacity = capacity
        self._latest: OrderedDict[tuple[str, str], Session] = OrderedDict()

    async def known(self, operator: Operator, token: str) -> Session:
        """What is known of a token; a bare session where nothing is, since it may have been verified elsewhere."""
        session = self._latest.get((operator.name, token))
        if session is not None:
            return session
        stored = await recorded(
            self._context.journal(operator).session(operator.name, token), "the session could not be looked up"
        )
        if stored is None:
            return Session(operator=operator.name, token=token)
        self._keep(stored)
        return stored

    async def remember(self, operator: Operator, session: Session) -> None:
        """Keeps a verified session, here and for other instances."""
        if self._latest.get((session.operator, session.token)) == session:
            return
        await recorded(
            self._context.journal(operator).remember(session, self._context.clock.now()),
            "the session was not remembered",
        )
        crash_point("session.remembered")
        self._keep(session)

    def _keep(self, session: Session) -> None:
        self._latest[session.operator, session.token] = session
        if len(self._latest) > self._capacity:
            self._latest.popitem(last=False)
