"""The calls of the game's wallet format, by the name of their endpoint."""

from __future__ import annotations

from enum import StrEnum


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
