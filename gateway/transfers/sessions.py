"""The players' sessions: what an adapter asked to be remembered about a token when it verified it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final, NamedTuple

import msgspec

from gateway.bounded import BoundedMap
from gateway.crashpoints import crash_point
from gateway.operators.adapter import Player
from gateway.operators.errors import OperatorError
from gateway.operators.operator import Operator
from gateway.records import Session
from gateway.transfers.context import Context, await_journal
from gateway.wire.errors import WalletError

REMEMBERED: Final = 100_000

REFRESH_S: Final = 3600.0
"""How old the journal's note of a session may be before another verification renews it: pruning spares what is used."""

LOOK_UP_S: Final = 1.0
"""How long the operator is asked whose session one is, before a call goes on without knowing."""


class _Noted(NamedTuple):
    """A session, and when the journal was last told of it (Unix seconds)."""

    session: Session
    at: float


class Sessions:
    """The journal's sessions with the latest `capacity` of them in memory."""

    def __init__(self, context: Context, capacity: int = REMEMBERED) -> None:
        self._context = context
        self._latest: BoundedMap[tuple[str, str], _Noted] = BoundedMap(capacity)

    async def known(self, operator: Operator, token: str) -> Session:
        """What is known of a token; a bare session where nothing is, since it may have been verified elsewhere."""
        noted = self._latest.get((operator.name, token))
        if noted is not None:
            return noted.session
        stored = await await_journal(
            self._context.journal(operator).find_session(operator.name, token), "the session could not be looked up"
        )
        if stored is None:
            return Session(operator=operator.name, token=token)
        self._keep(stored, stored.verified_at)
        return stored

    async def identify(self, operator: Operator, session: Session) -> Session:
        """The session with its player, whom the operator is asked for where it is not known yet; as it was where the
        operator does not say."""
        if session.player_id:
            return session
        try:
            async with asyncio.timeout(LOOK_UP_S):
                player = await operator.verify_session(session)
        except (OperatorError, TimeoutError):
            return session
        verified = self._verified(operator, session.token, player)
        with suppress(WalletError):  # what was learnt counts for this call, whether or not it can be kept
            await self._remember(operator, verified)
        return verified

    async def remember(self, operator: Operator, token: str, player: Player) -> Session:
        """Keeps a verified session, here and for other instances."""
        session = self._verified(operator, token, player)
        await self._remember(operator, session)
        return session

    def _verified(self, operator: Operator, token: str, player: Player) -> Session:
        return Session(
            operator=operator.name,
            token=token,
            player_id=player.player_id,
            memory=player.memory,
            verified_at=self._context.clock.now(),
        )

    async def _remember(self, operator: Operator, session: Session) -> None:
        noted = self._latest.get((session.operator, session.token))
        if noted is not None and _fresh(noted, session):
            self._keep(session, noted.at)
            return
        await await_journal(
            self._context.journal(operator).save_session(session, session.verified_at), "the session was not remembered"
        )
        crash_point("session.remembered")
        self._keep(session, session.verified_at)

    def _keep(self, session: Session, noted_at: float) -> None:
        self._latest.put((session.operator, session.token), _Noted(session, noted_at))


def _fresh(noted: _Noted, session: Session) -> bool:
    """Whether the journal's note of a session need not be written again."""
    same = msgspec.structs.replace(noted.session, verified_at=session.verified_at) == session
    return same and session.verified_at < noted.at + REFRESH_S
