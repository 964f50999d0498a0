"""The players' sessions: whose a token is, and what its adapter asked to be remembered when it was verified."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from itertools import chain
from typing import Final, NamedTuple

import msgspec

from gateway.bounded import WeighedMap
from gateway.crashpoints import crash_point
from gateway.operators.adapter import Player
from gateway.operators.errors import OperatorError
from gateway.operators.operator import Operator
from gateway.records import Session
from gateway.transfers.context import Context, await_journal
from gateway.wire.errors import WalletError

REMEMBERED: Final = 100_000
"""Sessions of up to `USUAL` characters that are in memory; one that is longer counts as several."""

USUAL: Final = 512

REFRESH_S: Final = 3600.0
"""How old the journal's copy of a session may be before another verification renews it,
so that sessions in use are not pruned."""

LOOK_UP_S: Final = 1.0
"""Time limit for asking the operator who owns a session; then the call goes on without knowing."""


class _Kept(NamedTuple):
    """A session, and when it was last written to the journal (Unix seconds)."""

    session: Session
    at: float


class Sessions:
    """The journal's sessions with the latest `capacity` of them in memory."""

    def __init__(self, context: Context, capacity: int = REMEMBERED) -> None:
        self._context = context
        self._latest: WeighedMap[tuple[str, str], _Kept] = WeighedMap(capacity, _weigh)

    @property
    def remembered(self) -> int:
        """How many sessions are in memory."""
        return len(self._latest)

    async def find(self, operator: Operator, token: str) -> Session:
        """What is known of a token. Where nothing is, a session without a player: it may have been verified elsewhere.

        Raises `WalletError` if the journal cannot be read.
        """
        kept = self._latest.get((operator.name, token))
        if kept is not None:
            return kept.session
        stored = await await_journal(
            self._context.journal(operator).find_session(operator.name, token), "the session could not be looked up"
        )
        if stored is None:
            return Session(operator=operator.name, token=token)
        self._keep(stored, stored.verified_at)
        return stored

    async def identify(self, operator: Operator, session: Session) -> Session:
        """The session with its player, for whom the operator is asked (`LOOK_UP_S`) where they are not known yet;
        unchanged where the operator does not say."""
        if session.player_id:
            return session
        try:
            async with asyncio.timeout(LOOK_UP_S):
                player = await operator.verify_session(session)
        except (OperatorError, TimeoutError):
            return session
        verified = self._build_verified(operator, session.token, player)
        with suppress(WalletError):  # what was learned counts for this call, whether or not it can be kept
            await self._save(operator, verified)
        return verified

    async def save(self, operator: Operator, token: str, player: Player) -> Session:
        """Keeps a verified session, in memory and in the journal for other instances. Raises `WalletError`."""
        session = self._build_verified(operator, token, player)
        await self._save(operator, session)
        return session

    def _build_verified(self, operator: Operator, token: str, player: Player) -> Session:
        return Session(
            operator=operator.name,
            token=token,
            player_id=player.player_id,
            memory=player.memory,
            verified_at=self._context.clock.now(),
        )

    async def _save(self, operator: Operator, session: Session) -> None:
        kept = self._latest.get((session.operator, session.token))
        if kept is not None and _is_fresh(kept, session):
            self._keep(session, kept.at)
            return
        await await_journal(
            self._context.journal(operator).save_session(session, session.verified_at), "the session was not remembered"
        )
        crash_point("session.remembered")
        self._keep(session, session.verified_at)

    def _keep(self, session: Session, saved_at: float) -> None:
        self._latest.put((session.operator, session.token), _Kept(session, saved_at))


def _weigh(kept: _Kept) -> int:
    """How many usual sessions it is as large as."""
    session = kept.session
    texts = (session.token, session.player_id, *chain.from_iterable(session.memory.items()))
    return 1 + sum(map(len, texts)) // USUAL


def _is_fresh(kept: _Kept, session: Session) -> bool:
    """Whether the journal's copy need not be written again."""
    same = msgspec.structs.replace(kept.session, verified_at=session.verified_at) == session
    return same and session.verified_at < kept.at + REFRESH_S
