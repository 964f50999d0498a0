"""Which values a launch may have: the operator's own lists, or the form that is usual where there is none.

A value is never repeated in a text: it may be a secret that was sent in the wrong field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from gateway.origins import parse_web_address
from gateway.settings.launch import CURRENCY_PATTERN, LaunchSettings
from gateway.settings.url_template import Placeholder
from gateway.wire.errors import ErrorCode, WalletError
from gateway.wire.fields import REMEDIES
from gateway.wire.requests import LaunchRequest, read_strictly

NO_CURRENCY: Final = "XXX"
"""The code for transactions without a currency (ISO 4217): for a demo alone."""

LONGEST_TAG: Final = 35
"""Characters of a language tag that everybody must be able to keep (RFC 5646, 4.4.1)."""

_TAG: Final = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")
_CURRENCY: Final = re.compile(CURRENCY_PATTERN)


class _Field(NamedTuple):
    """A field of the request with its placeholder. `wrong` ends a sentence; None where the value is allowed."""

    name: str
    placeholder: Placeholder
    value: Callable[[LaunchRequest], str | None]
    wrong: Callable[[LaunchSettings, LaunchRequest, str], str | None]


def read_launch(launch: LaunchSettings, body: bytes) -> LaunchRequest:
    """Reads a launch that is allowed. Raises `WalletError` (`BAD_REQUEST`) with field, problem and remedy."""
    request = read_strictly(LaunchRequest, body)
    if problems := list(_problems(launch, request)):
        raise WalletError(ErrorCode.BAD_REQUEST, " ".join(problems))
    return request


def _problems(launch: LaunchSettings, request: LaunchRequest) -> Iterator[str]:
    if request.demo and not launch.demo:
        yield "demo is not offered here; leave it out or send false."
    if request.token is None and not request.demo:
        yield f"token is missing; {REMEDIES['token']}."
    template = launch.template
    for field in _FIELDS:
        value = field.value(request)
        if value is None:
            if field.placeholder in template.path_placeholders:
                yield f"{field.name} is missing; {REMEDIES[field.name]}."
        elif field.placeholder not in template.placeholders:
            yield f"{field.name} has no place in the game's URL; leave it out."
        elif (wrong := field.wrong(launch, request, value)) is not None:
            yield f"{field.name} {wrong}."


def _wrong_language(launch: LaunchSettings, _: LaunchRequest, value: str) -> str | None:
    if launch.languages:
        return _not_listed(value, launch.languages)
    if _TAG.fullmatch(value) and len(value) <= LONGEST_TAG:
        return None
    return f"is not a language tag (BCP 47); {REMEDIES['language']}"


def _wrong_currency(launch: LaunchSettings, request: LaunchRequest, value: str) -> str | None:
    if value == NO_CURRENCY:
        return None if request.demo else f"is {NO_CURRENCY}, which is for a demo alone; send the player's currency"
    if launch.currencies:
        return _not_listed(value, launch.currencies)
    return None if _CURRENCY.fullmatch(value) else "is not 3 to 8 upper-case letters; send a code such as EUR"


def _wrong_platform(launch: LaunchSettings, _: LaunchRequest, value: str) -> str | None:
    return _not_listed(value, launch.platforms)


def _wrong_lobby(launch: LaunchSettings, _: LaunchRequest, value: str) -> str | None:
    """The origin is what decides: a text that begins like an allowed one may lead elsewhere."""
    try:
        address = parse_web_address(value)
    except ValueError as error:
        return str(error)
    if address.origin in launch.lobby_origins:
        return None
    return f"leads to an origin that is not allowed here; send an address of {' or '.join(launch.lobby_origins)}"


def _not_listed(value: str, listed: tuple[str, ...]) -> str | None:
    return None if value in listed else f"is not one that is allowed here; send one of: {', '.join(listed)}"


_FIELDS: Final = (
    _Field("language", Placeholder.LANGUAGE, lambda request: request.language, _wrong_language),
    _Field("currency", Placeholder.CURRENCY, lambda request: request.currency, _wrong_currency),
    _Field("platform", Placeholder.PLATFORM, lambda request: request.platform, _wrong_platform),
    _Field("lobbyUrl", Placeholder.LOBBY_URL, lambda request: request.lobby_url, _wrong_lobby),
)
