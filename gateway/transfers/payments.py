"""Payments: an operator's payment system has told of one, and the game has to be told of it.

A payment's way: check it, write it, answer the payment system, tell the game until it acknowledges. A payment system
that tells of an order again is answered from the journal: what it said first is what the game hears.
"""

from __future__ import annotations

from typing import Final

import structlog

from gateway.crashpoints import crash_point
from gateway.journal.interface import JournalUnavailable
from gateway.money import Money
from gateway.operators.operator import Operator
from gateway.payments import (
    Payment,
    PaymentAnswer,
    PaymentCallback,
    PaymentOutcome,
    PaymentRefused,
    RefusedAfterSignature,
    content_fingerprint,
)
from gateway.payments.catalogue import check_catalogue
from gateway.payments.game import GameFarSide
from gateway.payments.record import to_memory
from gateway.records import Direction, Fate, Key, Recipient, Session, State, Transfer
from gateway.transfers.context import Context

OTHER_CONTENT: Final = "The order is recorded with other contents; use a new id for a new order."
NOT_RECORDED: Final = "The payment could not be recorded; send it again."

log = structlog.get_logger(__name__)


class Payments:
    """Takes the callbacks of payment systems. Cancelling one loses nothing durable."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def call_back(self, operator: Operator, callback: PaymentCallback) -> tuple[PaymentOutcome, PaymentAnswer]:
        """What came of a callback, and its answer. What is told to be taken is durable.

        `operator` must have payments (`operator.game`).
        """
        game = operator.game
        assert isinstance(game, GameFarSide)
        payment, text = None, ""
        try:
            payment = game.format.read(callback, self._context.clock.now())
            check_catalogue(payment, game.catalogue)
            outcome = await self._receive(operator, payment, game.currency)
        except RefusedAfterSignature as refused:
            payment, text = refused.payment, refused.text
            outcome = await self._refuse_unless_recorded(operator, refused)
        except PaymentRefused as refused:
            outcome, text = refused.outcome, refused.text
        text = _TEXTS.get(outcome, text)
        self._context.metrics.payment(operator.name, outcome)
        if not outcome.taken:
            log.warning("payment not taken", operator=operator.name, outcome=outcome, why=text)
        return outcome, game.format.answer(outcome, payment, "" if outcome.taken else text)

    async def _receive(self, operator: Operator, payment: Payment, currency: str) -> PaymentOutcome:
        crash_point("payment.received")
        transfer = _begun(operator.name, payment, currency, self._context.clock.now())
        try:
            inserted = await self._context.journal(operator).insert(transfer)
        except JournalUnavailable:
            # It may be durable all the same; then the payment system's next call is answered from its row.
            return PaymentOutcome.NOT_RECORDED
        crash_point("payment.recorded")
        if not inserted.created:
            return _compared(payment, inserted.transfer)
        self._context.wake(operator.name, Recipient.GAME, transfer.opened_at)
        return PaymentOutcome.RECEIVED

    async def _refuse_unless_recorded(self, operator: Operator, refused: RefusedAfterSignature) -> PaymentOutcome:
        """A repeat of what is recorded is answered as one, however old it is by now and whatever is sold today: the
        payment system may have missed the first answer
        (test_a_repeat_is_answered_from_the_journal_even_when_it_would_not_be_taken_today)."""
        key = _key_of(operator.name, refused.payment)
        try:
            recorded = await self._context.journal(operator).find(key)
        except JournalUnavailable:
            return PaymentOutcome.NOT_RECORDED
        return refused.outcome if recorded is None else _compared(refused.payment, recorded)


_TEXTS: Final = {PaymentOutcome.OTHER_CONTENT: OTHER_CONTENT, PaymentOutcome.NOT_RECORDED: NOT_RECORDED}


def _compared(payment: Payment, recorded: Transfer) -> PaymentOutcome:
    """Whatever the row says already, nothing is told that contradicts it
    (test_an_order_that_comes_again_with_another_price_changes_nothing)."""
    if recorded.fingerprint == content_fingerprint(payment):
        return PaymentOutcome.REPEATED
    return PaymentOutcome.OTHER_CONTENT


def _key_of(operator: str, payment: Payment) -> Key:
    """The transfer of a payment: one for each of the operator's orders."""
    return Key(operator, Direction.PAYMENT, payment.order_id)


def _begun(operator: str, payment: Payment, currency: str, now: float) -> Transfer:
    """The row of a payment that has just been told of: the player has paid, so that its end is decided, and it is due
    at once. Not leased: a loop of its own tells the game."""
    return Transfer(
        operator=operator,
        direction=Direction.PAYMENT,
        id=payment.order_id,
        state=State.CONFIRMING,
        amount=Money(payment.price, currency),
        description=payment.product_id,
        session=Session(operator=operator, token="", player_id=payment.player_id),
        fingerprint=content_fingerprint(payment),
        fate=Fate.TAKEN,
        due_at=now,
        opened_at=now,
        decided_at=now,
        changed_at=now,
        memory=to_memory(payment),
    )
