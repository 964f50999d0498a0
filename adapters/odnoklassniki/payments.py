"""`callbacks.payment` of Odnoklassniki: a GET with signed parameters, answered in XML.

Source: https://apiok.ru/en/dev/methods/rest/callbacks/callbacks.payment (parameters, addresses, up to three calls 5 s
apart and then cancelled, error codes and their header), and the platform's example for the signature and the errors'
XML, https://github.com/apiok/html_app_example (`en/payment.php`). Where the two have other codes for an invalid payment
(1001 and 3), the page counts.

Not in print, so ours: the HTTP status of errors (200), the limits of ids, and that a value of a parameter that is read
holds no `=`: the signed pairs stand side by side with nothing between them, and `=` could hide another parameter in a
value. `transaction_time` names no time zone, so a payment has the time at which it was received; that a transaction
counts once is what protects from an old callback. A game's server is not part of the contract: it is a setting.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

import jiter
from pydantic import Field

from gateway.payments import (
    EXT_PARAMS_LIMIT,
    Forged,
    Malformed,
    Payment,
    PaymentAnswer,
    PaymentCallback,
    PaymentFormat,
    PaymentFormatSettings,
    PaymentOutcome,
    Secret,
    WrongPrice,
    as_number,
    as_order_id,
    as_price,
    as_text,
    is_any_of,
    query_parameters,
)
from gateway.toolbox import XmlMember, build_xml, md5_hex

NAMESPACE: Final = "http://api.forticom.com/1.0/"

SERVICE: Final = 2
INVALID_PAYMENT: Final = 1001
PARAM_SIGNATURE: Final = 104
"""Error codes of the contract."""

_CODES: Final = {PaymentOutcome.FORGED: PARAM_SIGNATURE, PaymentOutcome.NOT_RECORDED: SERVICE}
"""By outcome; any other one that is not taken is `INVALID_PAYMENT`. After `SERVICE` the platform calls again."""

_FREE_TEXT: Final = "extra_attributes"


class OdnoklassnikiPaymentSettings(PaymentFormatSettings):
    """What is agreed with the platform."""

    secrets: tuple[Secret, ...] = Field(
        min_length=1,
        description="The application's secret key. With two, it can be changed without an interruption.",
    )
    server_id: Annotated[int, Field(ge=0)] = Field(
        description="The game's server for payments from here: the contract has none."
    )
    currency: str | None = Field(
        default=None,
        min_length=1,
        description=(
            "What the parameter `currency` has to be, such as `RUB`. Left out, payments are in OK, the platform's own "
            "currency, for which it sends no such parameter."
        ),
    )


class OdnoklassnikiPayments(PaymentFormat):
    """The order is `transaction_id`, the player `uid`, the product `product_code`, the price `amount`, and
    `extra_attributes` are the game's own text. Everything but `sig` is signed."""

    interface = 1
    Settings = OdnoklassnikiPaymentSettings
    settings: OdnoklassnikiPaymentSettings
    methods = ("GET",)

    def __init__(self, settings: OdnoklassnikiPaymentSettings) -> None:
        super().__init__(settings)
        self._secrets = tuple(secret.get_secret_value() for secret in settings.secrets)

    def read(self, callback: PaymentCallback, now: float) -> Payment:
        parameters = query_parameters(callback.query)
        payment = self._payment(parameters, now)
        sig = as_text(parameters.get("sig"), "sig")
        if not is_any_of(sig, (signature(parameters, secret) for secret in self._secrets)):
            raise Forged(
                "sig is not the signature of these parameters; send the MD5 of the sorted name=value pairs and the "
                "secret key in lower-case hex."
            )
        if parameters.get("currency") != self.settings.currency:
            raise WrongPrice("currency is not the one that is agreed on; send payments in that.", payment)
        return payment

    def answer(self, outcome: PaymentOutcome, payment: Payment | None, text: str) -> PaymentAnswer:
        if outcome.taken:
            return _xml("callbacks_payment_response", {"@xmlns": NAMESPACE, "#text": "true"}, {})
        code = str(_CODES.get(outcome, INVALID_PAYMENT))
        printable = "".join(letter if letter.isprintable() else " " for letter in text)
        error: dict[str, XmlMember] = {"@xmlns:ns2": NAMESPACE, "error_code": code, "error_msg": printable}
        return _xml("ns2:error_response", error, {"invocation-error": code})

    def _payment(self, parameters: Mapping[str, str], now: float) -> Payment:
        _require_plain(parameters)
        price = as_price(as_number(parameters.get("amount", ""), "amount"), "amount")
        return Payment(
            order_id=as_order_id(parameters.get("transaction_id"), "transaction_id"),
            player_id=as_text(parameters.get("uid"), "uid"),
            server_id=self.settings.server_id,
            product_id=as_text(parameters.get("product_code"), "product_code"),
            price=price.value,
            price_digits=price.digits,
            ext_params=as_text(parameters.get(_FREE_TEXT), _FREE_TEXT, EXT_PARAMS_LIMIT, least=0),
            ts=int(now * 1000),
        )


def signature(parameters: Mapping[str, str], secret: str) -> str:
    """`sig` of these parameters, in lower-case hex; a `sig` among them is left out."""
    pairs = "".join(f"{name}={parameters[name]}" for name in sorted(parameters) if name != "sig")
    return md5_hex(f"{pairs}{secret}".encode())


def _require_plain(parameters: Mapping[str, str]) -> None:
    """Raises `Malformed` where a value could hide another parameter. The game's own text is JSON, which nothing can
    follow."""
    if any("=" in value for name, value in parameters.items() if name != _FREE_TEXT):
        raise Malformed("A value holds an equals sign; send values without.")
    try:
        jiter.from_json(parameters.get(_FREE_TEXT, "").encode() or b"null")
    except ValueError:
        raise Malformed(f"{_FREE_TEXT} is not JSON; send a JSON object.") from None


def _xml(root: str, members: Mapping[str, XmlMember], headers: Mapping[str, str]) -> PaymentAnswer:
    body = build_xml(root, members)
    return PaymentAnswer(status=200, body=body, content_type="application/xml", headers=headers)
