"""What an adapter's return value or error counts for. What is not exactly right is unknown."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from gateway.journal.records import Verdict
from gateway.money import FRACTION_DIGITS, INTEGER_DIGITS, Money
from gateway.operators.adapter import Player, Receipt
from gateway.operators.errors import Declined, Kind, OperatorError, Unclear, Unsent
from gateway.wire.calls import WalletCall

ROLLBACKS: Final = (WalletCall.ROLLBACK_WITHDRAWAL, WalletCall.ROLLBACK_DEPOSIT)

SILENT: Final = (Verdict.UNSENT, Verdict.UNKNOWN)
"""Verdicts that count as failures of the operator; a decline is an answer, and as good as a yes."""

_LONGEST_NUMBER: Final = INTEGER_DIGITS + FRACTION_DIGITS + len("-.")


def verdict_of(error: OperatorError, call: WalletCall) -> Verdict:
    """`NOT_FOUND` only answers a rollback: there it says that there is nothing to undo."""
    if isinstance(error, Declined):
        return Verdict.NOT_FOUND if error.kind is Kind.NOT_FOUND and call in ROLLBACKS else Verdict.DECLINED
    return Verdict.UNSENT if isinstance(error, Unsent) else Verdict.UNKNOWN


def as_balance(answer: Any) -> Money | None:
    """The balance of what must be a `Receipt`. Raises `Unclear`."""
    if not isinstance(answer, Receipt):
        raise Unclear(f"the adapter returned no receipt ({type(answer).__name__})")
    return None if answer.balance is None else as_money(answer.balance)


def as_money(answer: Any) -> Money:
    """The same, if it is money that can be kept and shown. Raises `Unclear`."""
    if not isinstance(answer, Money) or not _holds(answer.amount, Decimal) or not _holds(answer.currency, str):
        raise Unclear("the adapter returned a balance that is no money")
    if not _can_be_written(answer.amount) or not answer.currency:
        raise Unclear("the adapter returned a balance that is no amount of money")
    return answer


def as_player(answer: Any) -> Player:
    """The same, if it is a player whose session can be kept. Raises `Unclear`."""
    if not isinstance(answer, Player) or not _holds(answer.player_id, str) or not answer.player_id:
        raise Unclear("the adapter returned no player")
    if not _holds(answer.memory, Mapping) or not all(_holds(text, str) for kv in answer.memory.items() for text in kv):
        raise Unclear("the adapter wants something remembered that is not text")
    if answer.balance is not None:
        as_money(answer.balance)
    return answer


def _can_be_written(amount: Decimal) -> bool:
    """A short exponent notation may stand for very many digits."""
    return amount.is_finite() and len(str(amount)) <= _LONGEST_NUMBER and abs(amount.adjusted()) <= INTEGER_DIGITS


def _holds(value: object, kind: type) -> bool:
    """A field's type is only what the adapter's author promised."""
    return isinstance(value, kind)
