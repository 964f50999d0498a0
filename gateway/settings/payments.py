"""Payments at one operator: how its payment system calls back, what is sold, and how the game is told."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from gateway.money import MoneyError, canonical
from gateway.settings.deliveries import DeliverySettings
from gateway.settings.far_sides import BreakerSettings, ConnectionSettings, LimitSettings, OperatorTls
from gateway.settings.section import Section
from gateway.settings.values import Secret, Size, Timeout

GAME_URL_PATTERN: Final = r"^https?://[!-\"$-.0-?A-~]+(/[!-\"$-~]*)?$"
PAYMENT_CURRENCY_PATTERN: Final = r"^[!-~]{1,16}$"
PRODUCT_PATTERN: Final = r"^[^\x00-\x1f\x7f]{1,255}$"
PRICE_PATTERN: Final = r"^[0-9]{1,26}(\.[0-9]{1,12})?$"

_EXACT_DIGITS: Final = 15
"""Digits that a number of YAML, a binary float, keeps for certain."""


def _price(value: Any) -> Any:
    if isinstance(value, Decimal):
        return value
    # In Python a bool is an int; `true` is not a price.
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _not_a_price()
    if isinstance(value, float) and len(Decimal(repr(value)).as_tuple().digits) > _EXACT_DIGITS:
        raise PydanticCustomError("price", "has more digits than YAML keeps of a number; put it in quotes")
    digits = value if isinstance(value, str) else f"{Decimal(repr(value)):f}"
    if not re.fullmatch(PRICE_PATTERN, digits, re.ASCII) and not isinstance(value, float):
        raise _not_a_price()
    try:
        price = canonical(digits)
    except MoneyError:
        raise _not_a_price() from None
    if price <= 0:
        raise _not_a_price()
    return price


def _not_a_price() -> PydanticCustomError:
    return PydanticCustomError("price", "is not a price; write a number greater than 0, such as 4.99")


def _game_url(value: Any) -> Any:
    # It may hold a secret in its query, so that no problem repeats it.
    if isinstance(value, str) and re.fullmatch(GAME_URL_PATTERN, value) and _has_host(value):
        return value
    raise PydanticCustomError(
        "game_url", "must be an http or https URL without credentials, e.g. https://game.example/pay/quantum"
    )


def _has_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.username is None and parts.port != 0
    except ValueError:
        return False


Price = Annotated[
    Decimal,
    BeforeValidator(_price),
    WithJsonSchema(
        {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "pattern": PRICE_PATTERN}]}
    ),
]
"""More than 0; as many digits as an amount of money may have. With more than 15 digits it is written in quotes."""

GameUrl = Annotated[
    str,
    BeforeValidator(_game_url),
    WithJsonSchema(
        {"type": "string", "pattern": GAME_URL_PATTERN, "examples": ["https://game.example/pay/quantum"]},
    ),
]
ProductId = Annotated[str, Field(pattern=PRODUCT_PATTERN)]
"""1 to 255 characters without control characters, as in a callback."""


class GameSettings(Section):
    """How the game is told of payments."""

    url: GameUrl
    """Where the game takes payments: it gets a POST with the vendor's callback, signed with `secret`."""

    secret: Secret
    """The secret of that signature, which the game knows as well. Which one the operator signs with does not matter."""

    timeout: Timeout = 5.0
    """How long one call may take, from the wait for a connection to the end of the answer."""

    max_answer: Size = 64 * 1024
    """The largest answer that is read."""

    acknowledgement: str | None = None
    """What the body of the answer has to be, without white space around it. The game acknowledges with a status of 200
    to 299; no answer body is in print, so that without this any body will do."""

    limits: LimitSettings = LimitSettings()
    """How many calls may run and wait."""

    breaker: BreakerSettings = BreakerSettings()
    """When calls to a game that does not answer are stopped for a while."""

    connections: ConnectionSettings = ConnectionSettings()
    """The pool of connections to the game."""

    tls: OperatorTls = OperatorTls()
    """TLS towards the game."""


class PaymentSettings(Section):
    """Payments at one operator: the callback of its payment system is taken, and the game is told of it."""

    format: str = "quantum"
    """The form of the callback: the name of an installed payment format (docs/payment/formats.md)."""

    settings: dict[str, Any] = Field(default={}, repr=False)
    """The format's own settings, secrets above all; see docs/payment/formats.md."""

    currency: Annotated[str, Field(pattern=PAYMENT_CURRENCY_PATTERN)]
    """The currency of its prices, such as `EUR`: a callback does not name one. 1 to 16 visible ASCII characters."""

    catalogue: dict[ProductId, Price] | None = None
    """What is sold: the price of each product. A callback with another product or price is refused. Without a
    catalogue every product is taken at every price; `{}` sells nothing."""

    game: GameSettings
    """How the game is told."""

    delivery: DeliverySettings = DeliverySettings()
    """What is different in telling the game; keys that are left out are as in the operator's `delivery`."""
