"""How the game's client is launched for an operator's players: the template of its URL, and what it may be filled with.

What the parameters of that URL are called is the game's to say, so nothing here fixes a name
(docs/decisions/123-launch-url-is-a-template.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from gateway.origins import parse_web_address
from gateway.settings.section import Section
from gateway.settings.url_template import Placeholder, UrlTemplate, parse_template
from gateway.settings.values import Secret, Timeout

NAME_PATTERN: Final = r"^[A-Za-z0-9._~-]{1,64}$"
WORD_PATTERN: Final = r"^[A-Za-z0-9_-]{1,35}$"
CURRENCY_PATTERN: Final = r"^[A-Z]{3,8}$"


def _template(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        parse_template(value)
    except ValueError as error:
        raise PydanticCustomError("url_template", "{why}", {"why": str(error)}) from None
    return value


def _origin(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        address = parse_web_address(value)
    except ValueError as error:
        raise PydanticCustomError("web_origin", "{why}", {"why": str(error)}) from None
    if address.rest:
        raise PydanticCustomError("web_origin", "is more than an origin; end it after the host and its port")
    if not address.is_confidential:
        raise PydanticCustomError("web_origin", "must begin with https:// (http is for this machine alone)")
    return address.origin


Template = Annotated[
    str,
    BeforeValidator(_template),
    WithJsonSchema({"type": "string", "examples": ["https://game.example/play?lang={language}&cur={currency}"]}),
]
Origin = Annotated[
    str,
    BeforeValidator(_origin),
    WithJsonSchema({"type": "string", "pattern": r"^https?://[^/?#@\s]+$", "examples": ["https://casino.example"]}),
]
ParameterName = Annotated[str, Field(pattern=NAME_PATTERN)]
"""The name of a parameter in a URL, of characters that are never percent-encoded (RFC 3986, 2.3)."""

Word = Annotated[str, Field(pattern=WORD_PATTERN)]
LaunchCurrency = Annotated[str, Field(pattern=CURRENCY_PATTERN)]


class LaunchSignatureSettings(Section):
    """A signature over the URL's query: HMAC-SHA256 in lower case hex."""

    secret: Secret
    """The key that the game knows as well; its UTF-8 bytes are used."""

    name: ParameterName = "signature"
    """The parameter that holds the signature, the last one of the query. What is signed is the query before it, byte
    for byte as it stands in the URL, without the question mark."""

    time_name: ParameterName = "ts"
    """The parameter that holds the time, the one before the signature."""

    time_unit: Literal["s", "ms"] = "s"
    """Whether the time is Unix seconds or milliseconds."""

    valid_for: Timeout = 600.0
    """For how long the game accepts a signature. The time is rounded down to a multiple of half of this: a launch that
    is repeated within the same half gives the same URL, and every URL is good for the other half at least."""


class LaunchSettings(Section):
    """How the game's client is launched for this operator's players. Without it, launches are refused."""

    url: Template
    """The client's URL. `{language}`, `{currency}`, `{platform}`, `{demo}` and `{lobby_url}` stand for the value of a
    parameter in the query or the fragment; all but the last also for a segment of the path. A parameter whose value the
    operator leaves out is left out."""

    token_in: Literal["query", "fragment"] = Field(default="query")
    """Where the session's token goes. Browsers send no fragment to a server, so it is in no server's log."""

    token_name: ParameterName = Field(default="token")
    """The parameter that holds the token. It comes behind the template's own."""

    languages: tuple[Word, ...] = ()
    """The languages that can be chosen. Empty allows every language tag (BCP 47), such as `de` or `pt-BR`."""

    currencies: tuple[LaunchCurrency, ...] = ()
    """The currencies that can be chosen. Empty allows every code of 3 to 8 upper-case letters. `XXX` is for a demo
    alone, where it is always allowed."""

    platforms: tuple[Word, ...] = ("desktop", "mobile")
    """The platforms that can be chosen."""

    demo: bool = False
    """Whether the game can be launched for play without money. A demo needs no token."""

    demo_on: Word = "true"
    """What `{demo}` stands for in a demo."""

    demo_off: Word = "false"
    """What `{demo}` stands for otherwise."""

    lobby_origins: tuple[Origin, ...] = ()
    """Where the client may lead the player back to: scheme, host and port. A lobby URL of another origin is refused, so
    that nobody can use the game's address to lead players elsewhere."""

    verify: bool = False
    """Whether the session is verified with the operator first. A launch that could not play is then refused with the
    operator's reason."""

    signature: LaunchSignatureSettings | None = None
    """A signature over the URL's query. Without it, none is added."""

    @property
    def template(self) -> UrlTemplate:
        return parse_template(self.url)


def launch_contradictions(launch: LaunchSettings) -> Iterator[tuple[str, str]]:
    """What cannot be meant together, as key and text: what is wrong and what would be right."""
    template = launch.template
    if launch.demo and Placeholder.DEMO not in template.placeholders:
        yield "demo", "the game would not be told that it is a demo; put {demo} into url"
    if Placeholder.LOBBY_URL in template.placeholders and not launch.lobby_origins:
        yield "url", "holds {lobby_url}, and no lobby is allowed; list its origin under lobby_origins"
    if launch.lobby_origins and Placeholder.LOBBY_URL not in template.placeholders:
        yield "lobby_origins", "no lobby URL is sent to the game; put {lobby_url} into url"
    if launch.demo_on == launch.demo_off:
        yield "demo_on", "is also demo_off; the game could not tell a demo from play with money"
    yield from _shared_names(launch, template)


def _shared_names(launch: LaunchSettings, template: UrlTemplate) -> Iterator[tuple[str, str]]:
    seen = {*template.names}
    signature = launch.signature
    added = [("token_name", launch.token_name)]
    if signature is not None:
        added += [("signature.time_name", signature.time_name), ("signature.name", signature.name)]
    for key, name in added:
        if name in seen:
            yield key, f'"{name}" is the name of another parameter of the URL too; use another'
        seen.add(name)
