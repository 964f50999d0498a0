"""What is checked of a payment once its signature is known to be right: its time, and what it is compared with."""

from __future__ import annotations

from gateway.payments.errors import OtherContent, Stale
from gateway.payments.record import Payment, content_fingerprint
from gateway.settings.values import duration_text


def check_time(payment: Payment, now: float, window_s: float) -> None:
    """Raises `Stale` if the payment's time is more than `window_s` before or after `now` (both in seconds); a window of
    0 allows every time."""
    if window_s and abs(now * 1000 - payment.ts) > window_s * 1000:
        text = (
            f"The time is more than {duration_text(window_s)} away from the gateway's clock; send the time of the call."
        )
        raise Stale(text, payment)


def check_content(payment: Payment, recorded: str) -> None:
    """Raises `OtherContent` unless the order was recorded with this `content_fingerprint`."""
    if content_fingerprint(payment) != recorded:
        text = (
            "The order is recorded with another player, server, product, price or text; use a new id for a new order."
        )
        raise OtherContent(text, payment)
