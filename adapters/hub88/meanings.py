"""What each status proves, by the operation that it answers. A status outside its operation's table proves nothing.

Source: Hub88's public documentation for suppliers and operators, transaction API, sections "Statuses", "Session rule",
"Idempotency" and "Timeout / retry duty of the caller".
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from adapters.hub88.messages import Status
from gateway.operators import Kind
from gateway.toolbox import Meanings, Means


class Operation(StrEnum):
    """A request of the operator's API; behind each stand one or two of the game's calls."""

    BALANCE = "balance"  # verifySession, getBalance
    BET = "bet"  # withdraw
    ZERO_WIN = "zero_win"  # confirmWithdrawal
    PROMOTION = "promotion"  # deposit
    ROLLBACK = "rollback"  # rollbackWithdrawal, rollbackDeposit

    @property
    def endpoint(self) -> str:
        """The path below the operator's `base_url`."""
        return _ENDPOINT_OF[self]


_ENDPOINT_OF: Final = {
    Operation.BALANCE: "user/balance",
    Operation.BET: "transaction/bet",
    Operation.ZERO_WIN: "transaction/win",
    Operation.PROMOTION: "transaction/win",
    Operation.ROLLBACK: "transaction/rollback",
}


_CALLER_REFUSALS: Final[Meanings] = {
    Status.INVALID_TOKEN: Kind.SESSION,
    Status.TOKEN_EXPIRED: Kind.SESSION,
    Status.USER_DISABLED: Kind.PLAYER,
}
"""The operator refuses the session or the player, before it books anything ("Statuses": the first is an unknown
session).

The contract demands a rollback of the bet after them too ("Timeout / retry duty"), and the gateway sends one after
every hold that did not succeed. Some operators refuse that rollback as well: they check its session, although the
contract says that they must not ("Session rule"). So a refusal is a decline here and ends the transfer. If it counted
as unknown, each withdraw of an ended session would be repeated for two days and then need a person.
"""

MEANINGS: Final[Mapping[Operation, Meanings]] = {
    Operation.BALANCE: _CALLER_REFUSALS,
    # After the first two the contract needs no rollback ("Timeout / retry duty"). All others are left out:
    # WRONG_CURRENCY and INVALID_GAME are mistakes in a configuration, which a person must see; DUPLICATE_TRANSACTION
    # says that something is booked under this id; DOES_NOT_EXIST and ROLLED_BACK cannot answer a bet that is sent once.
    Operation.BET: {Status.NOT_ENOUGH_MONEY: Kind.FUNDS, Status.LIMIT_REACHED: Kind.LIMIT, **_CALLER_REFUSALS},
    # The same win again is RS_OK again ("Idempotency"), so no other status says that it was done. DOES_NOT_EXIST is a
    # bet "not found/not processed", which may still be processed, and ROLLED_BACK is an undone bet: taking either for a
    # confirm would lose the money. Held by
    # test_a_status_that_is_not_in_its_calls_table_is_unknown_but_shows_an_operator_that_lives.
    Operation.ZERO_WIN: _CALLER_REFUSALS,
    # A win without a bet: the contract does not say what its DOES_NOT_EXIST would mean.
    Operation.PROMOTION: _CALLER_REFUSALS,
    # Both are final: the operator has nothing under this id, or has undone it already.
    Operation.ROLLBACK: {
        Status.ROLLED_BACK: Means.DONE,
        Status.DOES_NOT_EXIST: Kind.NOT_FOUND,
        **_CALLER_REFUSALS,
    },
}
