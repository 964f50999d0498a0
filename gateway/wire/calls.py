"""The calls of the game's wallet format, by the name of their endpoint, and which of them does what to a transfer."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from gateway.records import Decision, Direction


class WalletCall(StrEnum):
    """One of the eight things that the game asks an operator's wallet."""

    VERIFY_SESSION = "verifySession"
    GET_BALANCE = "getBalance"
    WITHDRAW = "withdraw"
    CONFIRM_WITHDRAWAL = "confirmWithdrawal"
    ROLLBACK_WITHDRAWAL = "rollbackWithdrawal"
    DEPOSIT = "deposit"
    CONFIRM_DEPOSIT = "confirmDeposit"
    ROLLBACK_DEPOSIT = "rollbackDeposit"


HOLD_CALL: Final = {Direction.WITHDRAW: WalletCall.WITHDRAW, Direction.DEPOSIT: WalletCall.DEPOSIT}

END_CALL: Final = {
    (Direction.WITHDRAW, Decision.CONFIRM): WalletCall.CONFIRM_WITHDRAWAL,
    (Direction.WITHDRAW, Decision.ROLLBACK): WalletCall.ROLLBACK_WITHDRAWAL,
    (Direction.DEPOSIT, Decision.CONFIRM): WalletCall.CONFIRM_DEPOSIT,
    (Direction.DEPOSIT, Decision.ROLLBACK): WalletCall.ROLLBACK_DEPOSIT,
}

HOLDS: Final = frozenset(HOLD_CALL.values())
ROLLBACKS: Final = frozenset(END_CALL[direction, Decision.ROLLBACK] for direction in Direction)
