"""The template of an address: parameters with placeholders, checked when the configuration is read.

``https://game.example/play/{platform}?lang={language}&mode=real#/table?lobby={lobby_url}``

A placeholder is a whole segment of the path, or the whole value of a parameter. So what stands in its place can change
neither scheme, host nor port, and can be left out together with its parameter's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import unquote_plus

from gateway.origins import parse_web_address
from gateway.settings.messages import nearest


class Placeholder(StrEnum):
    """What a template can hold in braces."""

    LANGUAGE = "language"
    CURRENCY = "currency"
    PLATFORM = "platform"
    DEMO = "demo"
    LOBBY_URL = "lobby_url"


class Parameter(NamedTuple):
    """``lang={language}``: its name as it is written, and what stands in place of its value.

    Without a placeholder it is a fixed text, which is `name` as a whole."""

    name: str
    value: Placeholder | None


class UrlTemplate(NamedTuple):
    """A template in parts.

    `start` is scheme, host and port as they are written. `path` has the segments between slashes, fixed ones and
    placeholders. `route` is what a fragment begins with that is not a parameter: ``/table`` above."""

    start: str
    path: tuple[str | Placeholder, ...]
    query: tuple[Parameter, ...]
    route: str
    fragment: tuple[Parameter, ...]

    @property
    def placeholders(self) -> frozenset[Placeholder]:
        """Every placeholder in it."""
        values = (each.value for each in (*self.query, *self.fragment) if each.value is not None)
        return self.path_placeholders | frozenset(values)

    @property
    def path_placeholders(self) -> frozenset[Placeholder]:
        """Those in the path: a segment cannot be left out."""
        return frozenset(each for each in self.path if isinstance(each, Placeholder))

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters' names, decoded, in order."""
        return tuple(name for each in (*self.query, *self.fragment) if (name := _decoded_name(each)))


_PLACE: Final = re.compile(r"\{(?P<name>[^{}]*)\}")
_BRACE: Final = re.compile(r"[{}]")
_HEAD: Final = re.compile(r"[^/?#]*(?://[^/?#]*)?")
"""Scheme and host of an address."""


@lru_cache(maxsize=1024)
def parse_template(text: str) -> UrlTemplate:
    """Reads a template. Raises `ValueError`: what is wrong and what would be right, without a part of the template,
    which may come from elsewhere and be a secret."""
    _require_known(text)
    start, rest = _split_head(text)
    if _BRACE.search(start):
        raise ValueError("holds a placeholder before its path; write scheme and host as they are")
    if not parse_web_address(_PLACE.sub("x", text)).is_confidential:
        raise ValueError("would show the player's token on the way; use https (http is for this machine alone)")
    before, _, fragment = rest.partition("#")
    path, _, query = before.partition("?")
    route, behind_route = _split_route(fragment)
    segments = tuple(map(_segment, path.split("/")[1:]))
    template = UrlTemplate(start, segments, tuple(_parameters(query)), route, tuple(_parameters(behind_route)))
    if len(set(template.names)) < len(template.names):
        raise ValueError("holds two parameters of one name, and readers differ in which one counts; remove one")
    return template


def _split_head(text: str) -> tuple[str, str]:
    """Scheme, host and port; and path, query and fragment."""
    head = _HEAD.match(text)
    end = head.end() if head is not None else 0
    return text[:end], text[end:]


def _require_known(text: str) -> None:
    known = {str(each): each for each in Placeholder}
    for place in _PLACE.finditer(text):
        if place["name"] not in known:
            raise ValueError(f"holds an unknown placeholder; {nearest(place['name'], known)}")
    if _BRACE.search(_PLACE.sub("", text)):
        raise ValueError("holds a brace that does not belong to a placeholder; percent-encode it: %7B, %7D")


def _segment(written: str) -> str | Placeholder:
    whole = _PLACE.fullmatch(written)
    if whole is None:
        if _BRACE.search(written):
            raise ValueError("holds a placeholder beside other text in its path; make it a whole segment: /{language}/")
        return written
    # A server, or a proxy before it, may decode %2F and find another path.
    if whole["name"] == Placeholder.LOBBY_URL:
        raise ValueError("holds {lobby_url} in its path; make it a parameter: ?lobby={lobby_url}")
    return Placeholder(whole["name"])


def _split_route(fragment: str) -> tuple[str, str]:
    """What is not a parameter, and the parameters: a client with routes has a path and a query within its fragment."""
    if not fragment.startswith(("/", "!")):
        return "", fragment
    path, _, parameters = fragment.partition("?")
    if _BRACE.search(path):
        raise ValueError("holds a placeholder in its fragment's path; make it a parameter: #/play?lang={language}")
    return path, parameters


def _parameters(text: str) -> Iterator[Parameter]:
    for written in text.split("&") if text else ():
        name, _, value = written.partition("=")
        place = _PLACE.fullmatch(value)
        if place is not None and name and not _BRACE.search(name):
            yield Parameter(name, Placeholder(place["name"]))
        elif _BRACE.search(written):
            raise ValueError("holds a placeholder that is not the whole value of a parameter; write name={language}")
        elif not written:
            raise ValueError("holds an empty parameter; remove the & that is too many")
        else:
            yield Parameter(written, None)


def _decoded_name(parameter: Parameter) -> str:
    return unquote_plus(parameter.name.partition("=")[0])
