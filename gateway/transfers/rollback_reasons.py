"""Giving reasons: every rollback's is kept with who gave it, when, and its category, and is counted once durable."""

from __future__ import annotations

from gateway.clock import Clock
from gateway.reasons import Categories, Source, kept_text
from gateway.records import Reason
from gateway.telemetry.metrics import Metrics


class RollbackReasons:
    """Makes `Reason`s. `categories` is replaced when the configuration is reloaded."""

    def __init__(self, categories: Categories, clock: Clock, metrics: Metrics) -> None:
        self.categories = categories
        self._clock = clock
        self._metrics = metrics

    def game(self, text: object) -> Reason:
        """The game's reason, whatever it sent."""
        return self._given(kept_text(text), Source.GAME)

    def gateway(self, text: str) -> Reason:
        """The gateway's own."""
        return self._given(kept_text(text), Source.GATEWAY)

    def count(self, operator: str, reason: Reason) -> None:
        self._metrics.rollback_reason(operator, reason.source, reason.category)

    def _given(self, text: str, source: Source) -> Reason:
        return Reason(text=text, source=source, category=self.categories.of(text), at=self._clock.now())
