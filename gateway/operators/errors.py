"""What can go wrong at an operator, named for what the caller can do about it.

OperatorError
├── Declined        the operator clearly said no, and nothing was taken or given
├── Unclear         nobody can say what the operator did
│   ├── Unmapped    … but it answered in its own protocol: it is alive, and the circuit breaker need not open
│   │   └── ParkNow … and no later try of this end can succeed: a person must look
│   ├── RetryLater  … but it says when it wants to be asked again
│   └── Unsent      … but the request provably never left: it did nothing
│       └── Unsendable … since it cannot be written: that says nothing about the operator
└── Refused         the gateway itself would not send: breaker open, too many calls waiting; nothing left
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

MAX_RETRY_AFTER_S: Final = 3600.0
"""The longest that an operator can put a try off: what it says may be a mistake, and money waits for the try."""


class Kind(StrEnum):
    """Why an operator declines, in words that all operators share."""

    SESSION = "session"
    FUNDS = "funds"
    LIMIT = "limit"
    PLAYER = "player"
    CURRENCY = "currency"
    AMOUNT = "amount"
    DUPLICATE = "duplicate"
    ROLLED_BACK = "rolled_back"
    NOT_FOUND = "not_found"
    OTHER = "other"


class OperatorError(Exception):
    """A call that did not clearly succeed. `text` is fit for the game, the log and the journal: no secrets."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class Declined(OperatorError):
    """The operator's clear no. Raise it only for answers that the contract says prove that nothing happened.

    `NOT_FOUND` has a meaning of its own on a rollback: the operator never heard of the transfer.
    """

    def __init__(self, kind: Kind, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class Unclear(OperatorError):
    """Timed out, cut off, unreadable or unmapped: it may or may not have happened."""


class Unmapped(Unclear):
    """A well-formed error of the operator's protocol that does not prove whether anything was booked."""


class ParkNow(Unmapped):
    """The operator's clear word that this end can never succeed (a rollback of what it has paid out, say). An end is
    parked at once instead of being tried for days, so that a person is told. Of a hold it says no more than
    `Unmapped`."""


class RetryLater(Unclear):
    """The operator is busy and says for how long: HTTP 429 or 503 with Retry-After, or the protocol's own way.

    The next try of an end, or the rollback of a hold, is due no sooner than `after_s` seconds from now, at most
    `MAX_RETRY_AFTER_S`.
    """

    def __init__(self, text: str, after_s: float) -> None:
        super().__init__(text)
        self.after_s = after_s


class Unsent(Unclear):
    """No byte of the request reached the operator: name not found, connection refused, TLS failed."""


class Unsendable(Unsent):
    """The request itself cannot be written safely: an address, method or header with characters that do not belong
    there. Players can cause as many of these as they like, so they count for nothing at the circuit breaker."""


class RefusalReason(StrEnum):
    """Why the gateway did not send a call: its circuit breaker is open, its queue is full, or no slot came free."""

    BREAKER = "breaker"
    QUEUE = "queue"
    SLOT = "slot"


class Refused(OperatorError):
    """Not sent, by the gateway's own decision. `retry_at` (Unix seconds) is when it may be allowed again."""

    def __init__(self, text: str, retry_at: float, reason: RefusalReason = RefusalReason.SLOT) -> None:
        super().__init__(text)
        self.retry_at = retry_at
        self.reason = reason
