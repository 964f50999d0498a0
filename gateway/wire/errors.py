"""The errors the game can get: an HTTP 500 (or 400, 401) whose body carries one of these codes.

`OTHER` (100) is the one code that the game's contract prints; the rest are ours, documented in `docs/errors.md`.
"""

from __future__ import annotations

from enum import IntEnum


class ErrorCode(IntEnum):
    """What the game may tell apart. 10x: the operator declined. 11x: the call contradicts what is recorded.
    12x: no clear end yet, or nothing was sent. 13x: the call itself is wrong."""

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
    BAD_REQUEST = 130
    UNAUTHORIZED = 131

    @property
    def status(self) -> int:
        """The HTTP status that carries this code: 400 and 401 for a call that is wrong in itself, else 500."""
        return _STATUS.get(self, 500)


_STATUS = {ErrorCode.BAD_REQUEST: 400, ErrorCode.UNAUTHORIZED: 401}


class WalletError(Exception):
    """The answer to the game is no: `code` and `text` become its error body. `text` holds no secrets."""

    def __init__(self, code: ErrorCode, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
