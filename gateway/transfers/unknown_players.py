"""The players of transfers that were opened before their session's player was known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from gateway.clock import Clock
from gateway.journal.interface import Journal, Position, TransferFilter, position_of
from gateway.records import Transfer

LOOKED_AT: Final = 100
"""At most so many transfers in one round of housekeeping."""

PASS_EVERY_S: Final = 60.0
"""How often all of them are gone through, if there are no more than the rounds until then can look at."""

LOOK_BACK_S: Final = 86_400.0
"""How old a transfer may be: sessions live for hours. Those of an operator that tells nobody's player would be looked
at for ever otherwise."""


class UnknownPlayers:
    """Fills in the players of one journal's transfers, from the sessions that it knows by now.

    A session belongs to one player, so that a transfer's own session says for certain whose it is. Nothing is written
    when a session becomes known: no call pays for it, and it does not matter which of the two was written first, by
    which gateway, or whether one of them was stopped in between.
    """

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._after: Position | None = None
        self._pass_began_at = self._next_pass_at = clock.monotonic()

    async def name_some(self, until: float) -> None:
        """Looks at the next transfers without a player, newest first, until this time by the monotonic clock. Raises
        `JournalUnavailable`."""
        if self._after is None:
            if self._clock.monotonic() < self._next_pass_at:
                return
            self._pass_began_at = self._clock.monotonic()
        where = TransferFilter(player_id="", since=self._clock.now() - LOOK_BACK_S)
        found = await self._journal.list_transfers(where, limit=LOOKED_AT, after=self._after)
        for session, transfers in _by_session(found):
            if self._clock.monotonic() >= until:
                return  # these again in the next round
            await self._name(*session, transfers)
        # Only now: what an error of the journal has broken off is done again in the next round.
        self._after = position_of(found[-1]) if len(found) == LOOKED_AT else None
        self._next_pass_at = self._pass_began_at + PASS_EVERY_S

    async def _name(self, operator: str, token: str, transfers: Sequence[Transfer]) -> None:
        session = await self._journal.find_session(operator, token)
        if session is None or not session.player_id:
            return
        for transfer in transfers:
            await self._journal.name_player(transfer.key, session.player_id)


def _by_session(transfers: Sequence[Transfer]) -> Iterator[tuple[tuple[str, str], list[Transfer]]]:
    """The transfers of each session, with its operator and token. A payment has no session."""
    grouped: dict[tuple[str, str], list[Transfer]] = {}
    for transfer in transfers:
        if transfer.session.token:
            grouped.setdefault((transfer.operator, transfer.session.token), []).append(transfer)
    yield from grouped.items()
