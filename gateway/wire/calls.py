"""The calls of the wallet contract, and which call does what to a transfer."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from gateway.records import WALLET_DIRECTIONS, Decision, Direction


class WalletCall(StrEnum):
    """One of the eight calls, by the last part of its path (wallet contract, "Calls")."""

    VERIFY_SESSION = "verifySession"
    GET_BALANCE = "getBalance"
    WITHDRAW = "withdraw"
    CONFIRM_WITHDRAWAL = "confirmWithdrawal"
    ROLLBACK_WITHDRAWAL = "rollbackWithdrawal"
    DEPOSIT = "deposit"
    CONFIRM_DEPOSIT = "confirmDeposit"
    ROLLBACK_DEPOSIT = "rollbackDeposit"


class PaymentCall(StrEnum):
    """The one call that the gateway makes at the game itself: it tells of a payment (`direction` payment)."""

    DELIVER = "deliverPayment"


class InboundCall(StrEnum):
    """What operators call, as metrics and logs name it; the configuration says under which paths."""

    QUERY_WITHDRAWAL = "queryWithdrawal"
    QUERY_DEPOSIT = "queryDeposit"
    LAUNCH = "launch"
    PAYMENT = "payment"


MoneyCall = WalletCall | PaymentCall
"""What is called at an operator or at the game; only some of the wallet's move money."""

LOOK_UP: Final = "lookUp"
"""The question what became of a transfer, beside these: no game asks it, the gateway asks an operator."""

HOLD_CALL: Final = {Direction.WITHDRAW: WalletCall.WITHDRAW, Direction.DEPOSIT: WalletCall.DEPOSIT}
"""The call that opens a transfer of each of the wallet's directions."""

END_CALL: Final = {
    (Direction.WITHDRAW, Decision.CONFIRM): WalletCall.CONFIRM_WITHDRAWAL,
    (Direction.WITHDRAW, Decision.ROLLBACK): WalletCall.ROLLBACK_WITHDRAWAL,
    (Direction.DEPOSIT, Decision.CONFIRM): WalletCall.CONFIRM_DEPOSIT,
    (Direction.DEPOSIT, Decision.ROLLBACK): WalletCall.ROLLBACK_DEPOSIT,
}
"""The call that ends a wallet's transfer, by its direction and the decision."""

HOLDS: Final = frozenset(HOLD_CALL.values())
ROLLBACKS: Final = frozenset(END_CALL[direction, Decision.ROLLBACK] for direction in WALLET_DIRECTIONS)
