"""What a listener refuses before it becomes a call: counted by reason, and logged with the client's address."""

from __future__ import annotations

import structlog

from gateway.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)


class Refusals:
    """The refusals of one listener: `WALLET`, `OPERATORS` or `ADMIN` of `gateway.telemetry.metrics`."""

    def __init__(self, listener: str, metrics: Metrics) -> None:
        self.listener = listener
        self._metrics = metrics

    def note(self, reason: str, address: object, problem: str) -> None:
        """Counts and logs one. `reason` is a word of `REFUSED_BEFORE_A_CALL`; `problem` says more, in words of this
        program or of a library, and never in the client's own."""
        self._metrics.refused(self.listener, reason)
        listener = self.listener
        log.warning("refused before a call", listener=listener, reason=reason, address=str(address), problem=problem)


def address_of(peername: object) -> str:
    """The address of a peer, as a transport knows it; empty where it is gone already."""
    return str(peername[0]) if isinstance(peername, tuple) else ""
