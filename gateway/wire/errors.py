"""The errors that the game can get: an HTTP 500 (or 400, 401) whose body carries one of these codes.

`OTHER` (100) is the one code that the wallet contract prints ("Transport"); the rest are the gateway's own and are
explained in `docs/errors.md`.
"""

from __future__ import annotations

from enum import IntEnum


class ErrorCode(IntEnum):
    """10x: the operator declined. 11x: the call contradicts what is recorded. 12x: the outcome is not known yet, or
    nothing was sent. 13x: the call itself is wrong."""

    OTHER = 100
    SESSION = 101
    FUNDS = 102
    LIMIT = 103
    PLAYER = 104
    CURRENCY = 105
    AMOUNT = 106
    ID_REUSED = 110
    ROLLED_BACK = 111
    CONFIRMED = 112
    AMOUNT_DIFFERS = 113
    UNKNOWN_TRANSFER = 114
    OTHER_PLAYER = 115
    PENDING = 120
    UNCLEAR = 121
    NOT_SENT = 122
    JOURNAL_UNAVAILABLE = 123
    RETIRING = 124
    BAD_REQUEST = 130
    UNAUTHORIZED = 131

    @property
    def status(self) -> int:
        """The HTTP status of a response with this code: 400 or 401 where the call itself is wrong, else 500."""
        return _STATUS.get(self, 500)


_STATUS = {ErrorCode.BAD_REQUEST: 400, ErrorCode.UNAUTHORIZED: 401}


class WalletError(Exception):
    """The call failed: `code` and `text` become the error body. `text` must not contain a secret."""

    def __init__(self, code: ErrorCode, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
