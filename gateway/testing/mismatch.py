"""What a behaviour found wrong, in words: what was sent, what was answered, what was expected, what came."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from gateway.operators.adapter import HttpResponse
from gateway.operators.outcome import Outcome
from gateway.sandbox.ledger import Seen

SHOWN_BYTES: Final = 600


class Mismatch(msgspec.Struct, frozen=True):
    """One thing that is not as it should be. `sent` and `answered` are empty if nothing was."""

    case: str
    sent: str
    answered: str
    expected: str
    came: str

    def __str__(self) -> str:
        named = {"sent": self.sent, "answered": self.answered, "expected": self.expected, "came": self.came}
        lines = [f"    {name:9} {text}" for name, text in named.items() if text]
        return "\n".join([f"  {self.case or 'as described'}", *lines])


class Unmet(Exception):
    """What a case needs to go on did not happen; the mismatch is recorded already."""


def shown_request(seen: Seen | None) -> str:
    """``POST /wallet/withdraw [content-type: application/json] {"token": …}``."""
    if seen is None:
        return ""
    return f"{seen.method} {seen.path} {_headers(seen.headers)} {_text(seen.body)}".rstrip()


def shown_answer(seen: Seen | None) -> str:
    """``HTTP 200 [content-type: application/json] {"balance": …}``; "nothing" if no answer was sent."""
    if seen is None:
        return ""
    return "nothing" if seen.answer is None else shown_response(seen.answer)


def shown_response(answer: HttpResponse) -> str:
    """``HTTP 200 [content-type: application/json] {"balance": …}``."""
    return f"HTTP {answer.status} {_headers(answer.headers)} {_text(answer.body)}".rstrip()


def shown_outcome(outcome: Outcome) -> str:
    """``declined (funds), balance None: not enough money``."""
    kind = f" ({outcome.kind})" if outcome.kind else ""
    text = f": {outcome.text}" if outcome.text else ""
    return f"{outcome.verdict}{kind}, balance {outcome.balance}{text}"


_DULL: Final = frozenset({"host", "content-length", "accept", "accept-encoding", "user-agent", "connection"})
"""Headers that are the client's own and tell nothing."""


def _headers(headers: Mapping[str, str]) -> str:
    shown = "; ".join(f"{name}: {value}" for name, value in headers.items() if name.lower() not in _DULL)
    return f"[{shown}]"


def _text(body: bytes) -> str:
    text = body[:SHOWN_BYTES].decode("utf-8", "replace")
    return f"{text}…" if len(body) > SHOWN_BYTES else text
