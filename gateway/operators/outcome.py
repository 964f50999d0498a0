"""What one try at an operator came to: the only form in which the heart sees the far side."""

from __future__ import annotations

import msgspec

from gateway.journal.records import Verdict
from gateway.money import Money
from gateway.operators.errors import Kind


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One try: begun at `at` (Unix seconds), `took_s` long. `balance` is there on success, `kind` on a decline.

    `text` says what happened in words fit for the game, the log and the journal: it holds no secrets.
    """

    verdict: Verdict
    at: float
    took_s: float
    text: str = ""
    balance: Money | None = None
    kind: Kind | None = None
