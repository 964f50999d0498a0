"""The balance that goes with an answer."""

from __future__ import annotations

from gateway.journal.records import Transfer
from gateway.money import Money
from gateway.operators.errors import OperatorError
from gateway.operators.operator import Operator
from gateway.transfers import answers


async def balance_after(operator: Operator, transfer: Transfer, recorded: Money | None) -> Money:
    """The recorded balance. Where the operator gave none (it had nothing to undo; a person resolved it) it is asked.

    Raises `WalletError` when it does not say: the transfer stands all the same.
    """
    if recorded is not None:
        return recorded
    try:
        return await operator.get_balance(transfer.session)
    except OperatorError as error:
        raise answers.balance_unknown(transfer) from error
