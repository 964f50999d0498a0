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
from gateway.payments.checks import check_content
from gateway.payments.game import GameFarSide
from gateway.payments.record import to_memory
from gateway.records import Direction, Fate, Key, Recipient, Session, State, Transfer
from gateway.telemetry.call_context import note_transfer
from gateway.transfers.context import Context

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
            payment, outcome = await self._take(operator, game, callback)
        except PaymentRefused as refused:
            outcome, text = refused.outcome, refused.text
            payment = refused.payment if isinstance(refused, RefusedAfterSignature) else None
        except JournalUnavailable:
            # It may be durable all the same; then the payment system's next call is answered from its row.
            outcome, text = PaymentOutcome.NOT_RECORDED, NOT_RECORDED
        self._context.metrics.payment(operator.name, outcome)
        if not outcome.taken:
            log.warning("payment not taken", operator=operator.name, outcome=outcome, why=text)
        return outcome, game.format.answer(outcome, payment, text)

    async def _take(
        self, operator: Operator, game: GameFarSide, callback: PaymentCallback
    ) -> tuple[Payment, PaymentOutcome]:
        """The payment, and whether it is received now or was before. Raises `PaymentRefused`, `JournalUnavailable`."""
        try:
            payment = game.format.read(callback, self._context.clock.now())
            note_transfer(payment.order_id)
            check_catalogue(payment, game.catalogue)
        except RefusedAfterSignature as refused:
            # What is recorded is a repeat, however old it is by now and whatever is sold today: the payment system may
            # have missed the first answer
            # (test_a_repeat_is_answered_from_the_journal_even_when_it_would_not_be_taken_today).
            recorded = await self._context.journal(operator).find(_key_of(operator.name, refused.payment))
            if recorded is None:
                raise
            check_content(refused.payment, recorded.fingerprint)
            return refused.payment, PaymentOutcome.REPEATED
        return payment, await self._receive(operator, payment, game.currency)

    async def _receive(self, operator: Operator, payment: Payment, currency: str) -> PaymentOutcome:
        """Raises `OtherContent` where the order is recorded and says something else, and `JournalUnavailable`."""
        crash_point("payment.received")
        transfer = _begun(operator.name, payment, currency, self._context.clock.now())
        inserted = await self._context.journal(operator).insert(transfer)
        crash_point("payment.recorded")
        if inserted.created:
            self._context.wake(operator.name, Recipient.GAME, transfer.opened_at)
            return PaymentOutcome.RECEIVED
        # Whatever the row says already, nothing is told that contradicts it
        # (test_an_order_that_comes_again_with_another_price_changes_nothing).
        check_content(payment, inserted.transfer.fingerprint)
        return PaymentOutcome.REPEATED


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
