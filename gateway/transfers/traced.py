"""Calls and tries that trace themselves: which transfer a call is about, and a span for each try to deliver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.journal.writes import Change
from gateway.money import Money
from gateway.operators.far_side import FarSide
from gateway.operators.operator import Operator
from gateway.records import FINAL, Decision, Direction, Transfer
from gateway.transfers import rules
from gateway.transfers.context import Context
from gateway.transfers.coordinator import Coordinator
from gateway.transfers.delivery_try import DeliveryTry

if TYPE_CHECKING:
    from gateway.telemetry.tracing import Tracing


class TracedCoordinator(Coordinator):
    """Says of each call that moves money, in its span, which transfer it is about."""

    def __init__(self, context: Context, delivery_try: DeliveryTry, tracing: Tracing) -> None:
        super().__init__(context, delivery_try)
        self._tracing = tracing

    async def hold(self, operator: Operator, direction: Direction, *, id: str, **command: Any) -> Money | None:
        self._name_transfer(direction, id)
        return await super().hold(operator, direction, id=id, **command)

    async def end(
        self, operator: Operator, direction: Direction, decision: Decision, *, id: str, **command: Any
    ) -> Money | None:
        self._name_transfer(direction, id)
        return await super().end(operator, direction, decision, id=id, **command)

    def _name_transfer(self, direction: Direction, id: str) -> None:
        self._tracing.current.set_attributes({"mm_gateway.direction": direction, "mm_gateway.transfer.id": id})


class TracedDeliveryTry(DeliveryTry):
    """Each try is a span: within the call that makes it, or linked to the call that decided it."""

    def __init__(self, context: Context, tracing: Tracing) -> None:
        super().__init__(context)
        self._tracing = tracing

    async def deliver(self, far_side: FarSide, transfer: Transfer, resume_at: float | None = None) -> Transfer:
        attributes: dict[str, str | int] = {
            "mm_gateway.operator": far_side.name,
            "mm_gateway.direction": transfer.direction,
            "mm_gateway.decision": rules.DECISION_OF_DELIVERY[transfer.state],
            "mm_gateway.transfer.id": transfer.id,
            "mm_gateway.tries": transfer.tries,
        }
        with self._tracing.try_span(transfer.key, attributes):
            return await super().deliver(far_side, transfer, resume_at)

    async def _try(self, far_side: FarSide, transfer: Transfer, resume_at: float | None) -> Change:
        change = await super()._try(far_side, transfer, resume_at)
        # Refused by the bulkhead, if there is no attempt: nothing was sent.
        verdict = "refused" if change.attempt is None else str(change.attempt.verdict)
        self._tracing.current.set_attributes({"mm_gateway.state": change.to, "mm_gateway.verdict": verdict})
        if change.to not in FINAL:
            self._tracing.fail(verdict)
        return change
