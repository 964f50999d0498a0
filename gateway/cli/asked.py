"""What an operator said of a transfer when a person had it asked."""

from __future__ import annotations

import msgspec

from gateway.cli.times import time_text
from gateway.cli.views import View
from gateway.operators.adapter import TransferStatus


class ShownExchange(msgspec.Struct, frozen=True):
    """One request of the question and what came back, each in one line without secrets."""

    request: str
    answer: str


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator said of a transfer, asked `at` (Unix seconds) and after `took_s`.

    `state` is None where it did not say; `problem` says why, and is empty otherwise. What was asked and answered over
    HTTP stands in `evidence`.
    """

    at: float
    took_s: float = 0.0
    state: TransferStatus | None = None
    problem: str = ""
    evidence: tuple[ShownExchange, ...] = ()


def asked_view(asked: Asked) -> View:
    """What was asked and answered, as rows and JSON show it."""
    return {
        "at": time_text(asked.at),
        "took_s": round(asked.took_s, 6),
        "state": asked.state,
        "problem": asked.problem or None,
        "evidence": [msgspec.structs.asdict(each) for each in asked.evidence],
    }
