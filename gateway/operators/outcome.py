"""What one try at an operator came to: the only form in which the heart sees the far side."""

from __future__ import annotations

import msgspec

from gateway.journal.records import Session, Verdict
from gateway.money import Money
from gateway.operators.errors import Kind


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One try: begun at `at` (Unix seconds), `took_s` long.

    `balance` is what the operator said with a success, None if it cannot be told; `kind` is there on a decline.
    `text` says what happened in words fit for the game, the log and the journal: it holds no secrets.
    `unwritten`: it is proven that no byte of this call went out, and none will. `session` is the transfer's with what
    was looked up for this try, None if nothing was.
    """

    verdict: Verdict
    at: float
    took_s: float
    text: str = ""
    balance: Money | None = None
    kind: Kind | None = None
    unwritten: bool = False
    session: Session | None = None
