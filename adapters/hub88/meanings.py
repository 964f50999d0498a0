"""What each status proves, by the call that it answers.

The facts are those of Hub88's public documentation for suppliers and operators (transaction API: statuses, session
rule, idempotency, retry duty). A status that is not in its call's table proves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from adapters.hub88.messages import Status
from gateway.operators import Kind


class Call(StrEnum):
    """What is asked of the operator: one or two of the game's calls stand behind each."""

    LOOK = "look"  # verifySession, getBalance
    BET = "bet"  # withdraw
    ZERO_WIN = "zero_win"  # confirmWithdrawal
    PROMOTION = "promotion"  # deposit
    ROLLBACK = "rollback"  # rollbackWithdrawal, rollbackDeposit

    @property
    def endpoint(self) -> str:
        return _ENDPOINTS[self]


_ENDPOINTS: Final = {
    Call.LOOK: "user/balance",
    Call.BET: "transaction/bet",
    Call.ZERO_WIN: "transaction/win",
    Call.PROMOTION: "transaction/win",
    Call.ROLLBACK: "transaction/rollback",
}


class Done(StrEnum):
    """A status that is a yes: what was asked had been done before."""

    ROLLED_BACK = "rolled_back"


Meanings = Mapping[str, Kind | Done]

_WHO_ASKS: Final[Meanings] = {
    Status.INVALID_TOKEN: Kind.SESSION,
    Status.TOKEN_EXPIRED: Kind.SESSION,
    Status.USER_DISABLED: Kind.PLAYER,
}
"""Refusals of whoever asks. They come before anything is booked: the contract explains the first as "unknown session".

The contract has a bet rolled back after them too, and so it is: a rollback follows every hold that did not succeed. But
such a rollback may end where the operator clearly refuses that as well, as one does that checks the session of
rollbacks although the contract tells it not to. Taken for unknown, each withdraw of a session that is over would be
repeated for days and then need a person.
"""

MEANINGS: Final[Mapping[Call, Meanings]] = {
    Call.LOOK: _WHO_ASKS,
    # The contract names the first two as those after which no rollback is needed. All others are left out:
    # WRONG_CURRENCY and INVALID_GAME are faults of a configuration, for a person to see; DUPLICATE_TRANSACTION says
    # that something is booked under this id; DOES_NOT_EXIST and ROLLED_BACK do not answer a bet that is sent once.
    Call.BET: {Status.NOT_ENOUGH_MONEY: Kind.FUNDS, Status.LIMIT_REACHED: Kind.LIMIT, **_WHO_ASKS},
    # The same win again is RS_OK again, so no other status says that it was done. DOES_NOT_EXIST stands for a bet "not
    # found/not processed", which may be processed yet, and ROLLED_BACK for one that is undone: neither may ever pass
    # for a confirm.
    Call.ZERO_WIN: _WHO_ASKS,
    # A win that refers to no bet: what its DOES_NOT_EXIST would mean, the contract does not say.
    Call.PROMOTION: _WHO_ASKS,
    # A rollback of what does not exist, or is rolled back, is final for the caller.
    Call.ROLLBACK: {Status.ROLLED_BACK: Done.ROLLED_BACK, Status.DOES_NOT_EXIST: Kind.NOT_FOUND, **_WHO_ASKS},
}
