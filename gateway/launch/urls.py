"""Builds the URL of the game's client from its template and the values of a launch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import quote

from gateway.settings.launch import LaunchSettings, LaunchSignatureSettings
from gateway.settings.url_template import Parameter, Placeholder
from gateway.toolbox.signing import hmac_hex
from gateway.wire.requests import LaunchRequest

Values = Mapping[Placeholder, str | None]
"""What stands for each placeholder, percent-encoded; None where it was left out."""

_MS_IN_S: Final = 1000


def build_url(launch: LaunchSettings, request: LaunchRequest, now_s: float) -> str:
    """The URL of a request that is allowed. With a signature it changes with the time (`now_s`, Unix seconds), by steps
    of half of `valid_for`; without one it does not."""
    template, values = launch.template, _values(launch, request)
    query = [*_filled(template.query, values)]
    fragment = [*_filled(template.fragment, values)]
    if request.token is not None:
        places = {"query": query, "fragment": fragment}
        places[launch.token_in].append(f"{launch.token_name}={_encode(request.token)}")
    if launch.signature is not None:
        _sign(query, launch.signature, now_s)
    path = "".join(f"/{_segment(each, values)}" for each in template.path)
    behind = "?".join(filter(None, (template.route, "&".join(fragment))))
    return f"{template.start}{path}{_led_by('?', '&'.join(query))}{_led_by('#', behind)}"


def signed_time(signature: LaunchSignatureSettings, now_s: float) -> int:
    """The time to sign: rounded down to a multiple of half of `valid_for`, then in the signature's unit.

    Half, so that every URL that is given out is good for the other half at least."""
    now_ms, step_ms = int(now_s * _MS_IN_S), max(1, int(signature.valid_for * _MS_IN_S / 2))
    at_ms = now_ms - now_ms % step_ms
    return at_ms if signature.time_unit == "ms" else at_ms // _MS_IN_S


def _sign(query: list[str], signature: LaunchSignatureSettings, now_s: float) -> None:
    """Appends the time, then the signature over the query as it stands in the URL so far."""
    query.append(f"{signature.time_name}={signed_time(signature, now_s)}")
    signed = "&".join(query).encode("ascii")
    query.append(f"{signature.name}={hmac_hex(signature.secret.get_secret_value(), signed, 'sha256')}")


def _values(launch: LaunchSettings, request: LaunchRequest) -> Values:
    given = {
        Placeholder.LANGUAGE: request.language,
        Placeholder.CURRENCY: request.currency,
        Placeholder.PLATFORM: request.platform,
        Placeholder.DEMO: launch.demo_on if request.demo else launch.demo_off,
        Placeholder.LOBBY_URL: request.lobby_url,
    }
    return {name: None if value is None else _encode(value) for name, value in given.items()}


def _filled(parameters: Iterable[Parameter], values: Values) -> Iterable[str]:
    for name, placeholder in parameters:
        if placeholder is None:
            yield name
        elif (value := values[placeholder]) is not None:
            yield f"{name}={value}"


def _segment(segment: str | Placeholder, values: Values) -> str:
    return values[segment] or "" if isinstance(segment, Placeholder) else segment


def _encode(value: str) -> str:
    """Everything but unreserved characters (RFC 3986, 2.3) is percent-encoded, the slash too."""
    return quote(value, safe="")


def _led_by(sign: str, text: str) -> str:
    return f"{sign}{text}" if text else ""
