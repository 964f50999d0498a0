"""Rollback reasons: each is kept with who gave it, when, and its category, and counted once it is durable."""

from __future__ import annotations

from gateway.clock import Clock
from gateway.reasons import Categories, Source, limit_text
from gateway.records import Reason
from gateway.telemetry import logs
from gateway.telemetry.metrics import Metrics


class RollbackReasons:
    """Builds `Reason`s and counts them. `categories` is replaced when the configuration is reloaded."""

    def __init__(self, categories: Categories, clock: Clock, metrics: Metrics) -> None:
        self.categories = categories
        self._clock = clock
        self._metrics = metrics

    def from_game(self, text: object, token: str) -> Reason:
        """The game's reason, whatever it sent, without secrets: people read it, and the operator is told it. `token` is
        that of the call."""
        return self._build(logs.redact_of_call(limit_text(text), token), Source.GAME)

    def from_gateway(self, text: str) -> Reason:
        """The gateway's own."""
        return self._build(limit_text(text), Source.GATEWAY)

    def count(self, operator: str, reason: Reason) -> None:
        self._metrics.rollback_reason(operator, reason.source, reason.category)

    def _build(self, text: str, source: Source) -> Reason:
        return Reason(text=text, source=source, category=self.categories.of(text), at=self._clock.now())
