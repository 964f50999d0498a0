"""The game's own payment callback, as an operator's payment system sends it.

Source: the vendor's pages "Payment initiation" and "Payment callback". Theirs are the names and types of the members,
and the signature: its order, its upper case, and that `extParams` is not signed. Ours, because no page that can be read
says anything: the limits, the window for `ts`, and every answer (docs/decisions/121-payment-callbacks.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from gateway.payments import (
    EXT_PARAMS_LIMIT,
    Duration,
    Forged,
    Malformed,
    Number,
    Payment,
    PaymentAnswer,
    PaymentCallback,
    PaymentFormat,
    PaymentFormatSettings,
    PaymentOutcome,
    Secret,
    as_milliseconds,
    as_order_id,
    as_price,
    as_text,
    as_whole,
    callback_sign,
    check_time,
    error_answer,
    is_any_of,
    json_members,
    json_number,
    json_text,
)

MEMBERS: Final = (
    "uid",
    "serverId",
    "cpOrderId",
    "productId",
    "productPrice",
    "extParams",
    "ts",
    "sign",
)
"""The members of a callback; others are ignored."""

SUCCESS: Final = b'{"code":0,"message":"success"}'


class AnswerSettings(BaseModel):
    """One answer: what the operator's payment system wants to read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: Annotated[int, Field(ge=200, le=599, description="The HTTP status.")]
    body: str = Field(default="", description="The body.")
    content_type: str = Field(
        default="application/json", description="What the body is.", pattern=r"^[!-~]+(; ?[!-~]+)*$"
    )


class QuantumPaymentSettings(PaymentFormatSettings):
    """What is agreed with an operator whose payment system calls back in the game's own form."""

    secrets: tuple[Secret, ...] = Field(
        min_length=1,
        description="The secrets of the signature. With two, one can be changed without an interruption.",
    )
    server_ids: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        default=(),
        description=(
            "The game's servers; a callback for another one is refused. Empty allows every one. "
            "The signed values stand side by side with nothing between them, so who has seen one callback can move "
            "digits from `serverId` to `cpOrderId` and back: with a list of servers of one length that is refused."
        ),
    )
    ts_window: Annotated[Duration, Field(le=86400)] = Field(
        default=600.0,
        description=(
            "How far `ts` may be from the gateway's clock, before and after. Make it longer where the operator repeats "
            "a callback with the time of the first one. `0s` allows every time."
        ),
    )
    answers: dict[PaymentOutcome, AnswerSettings] = Field(
        default={},
        description=(
            "Other answers than the usual ones, by what became of the callback. Usual is HTTP 200 with "
            '`{"code":0,"message":"success"}` where it is taken, and the wallet\'s error body under 400, 401 or 500.'
        ),
    )


class QuantumPayments(PaymentFormat):
    """The signature covers digits as they stand in the JSON. It is upper case in print, and refused in lower case, as
    every other change of one character is. A `ts` below 10^11 is in seconds."""

    interface = 1
    Settings = QuantumPaymentSettings
    settings: QuantumPaymentSettings

    def __init__(self, settings: QuantumPaymentSettings) -> None:
        super().__init__(settings)
        self._secrets = tuple(secret.get_secret_value() for secret in settings.secrets)

    def read(self, callback: PaymentCallback, now: float) -> Payment:
        members = json_members(callback.body, MEMBERS)
        server_id, ts = json_number(members, "serverId"), json_number(members, "ts")
        payment = _payment(members, server_id, ts)
        self._check_sign(as_text(json_text(members, "sign"), "sign"), payment, server_id.digits, ts.digits)
        if self.settings.server_ids and payment.server_id not in self.settings.server_ids:
            raise Malformed("serverId is not one of the game's servers; send one that is.")
        check_time(payment, now, self.settings.ts_window)
        return payment

    def answer(self, outcome: PaymentOutcome, payment: Payment | None, text: str) -> PaymentAnswer:
        agreed = self.settings.answers.get(outcome)
        if agreed is not None:
            return PaymentAnswer(status=agreed.status, body=agreed.body.encode(), content_type=agreed.content_type)
        return PaymentAnswer(status=200, body=SUCCESS) if outcome.taken else error_answer(outcome, text)

    def _check_sign(self, sign: str, payment: Payment, server_id: str, ts: str) -> None:
        expected = (
            callback_sign(
                order_id=payment.order_id,
                server_id=server_id,
                player_id=payment.player_id,
                price=payment.price_digits,
                product_id=payment.product_id,
                ts=ts,
                secret=secret,
            )
            for secret in self._secrets
        )
        if not is_any_of(sign, expected):
            raise Forged(
                "sign is not the signature of this callback; send the MD5 of cpOrderId, serverId, uid, productPrice, "
                "productId, ts and the secret in upper-case hex."
            )


def _payment(members: Mapping[str, bytes], server_id: Number, ts: Number) -> Payment:
    price = as_price(json_number(members, "productPrice"), "productPrice")
    return Payment(
        order_id=as_order_id(json_text(members, "cpOrderId"), "cpOrderId"),
        player_id=as_text(json_text(members, "uid"), "uid"),
        server_id=as_whole(server_id, "serverId"),
        product_id=as_text(json_text(members, "productId"), "productId"),
        price=price.value,
        price_digits=price.digits,
        ext_params=as_text(json_text(members, "extParams"), "extParams", EXT_PARAMS_LIMIT, least=0),
        ts=as_milliseconds(ts, "ts"),
    )
