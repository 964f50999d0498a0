"""Answers in the wallet's own form, for formats whose contract prints none."""

from __future__ import annotations

from typing import Final

from gateway.payments.errors import PaymentOutcome
from gateway.payments.format import PaymentAnswer
from gateway.wire import replies
from gateway.wire.errors import ErrorCode, WalletError

_CODES: Final = {
    PaymentOutcome.MALFORMED: (400, ErrorCode.BAD_REQUEST),
    PaymentOutcome.FORGED: (401, ErrorCode.UNAUTHORIZED),
    PaymentOutcome.STALE: (400, ErrorCode.BAD_REQUEST),
    PaymentOutcome.UNKNOWN_PRODUCT: (400, ErrorCode.BAD_REQUEST),
    PaymentOutcome.WRONG_PRICE: (400, ErrorCode.BAD_REQUEST),
    PaymentOutcome.OTHER_CONTENT: (400, ErrorCode.ID_REUSED),
    PaymentOutcome.NOT_RECORDED: (500, ErrorCode.JOURNAL_UNAVAILABLE),
}
"""HTTP status and error code of what was not taken. After 500 the same may be sent again; after 400 and 401 it would be
refused again."""


ERROR_OF_OUTCOME: Final = {outcome: code for outcome, (_, code) in _CODES.items()}
"""What metrics and the access log call an outcome that is not `taken`."""


def error_answer(outcome: PaymentOutcome, text: str) -> PaymentAnswer:
    """The wallet's error body for an outcome that is not `taken`: ``{"errorCode": 131, "errorDescription": "…"}``."""
    status, code = _CODES[outcome]
    return PaymentAnswer(status=status, body=replies.error(WalletError(code, text)))
