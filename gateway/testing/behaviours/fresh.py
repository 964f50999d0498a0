"""Comparing requests without what an adapter declares as `fresh`: ``header x``, ``query x``, ``body x``."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from gateway.sandbox.ledger import Seen

_QUERY: Final = r"(?P<before>[?&]{name}=)(?P<value>[^&]*)"
_BODY: Final = (
    r'(?P<before>"{name}"\s*:\s*)(?P<value>"(?:\\.|[^"\\])*"|[^\s,}}\]]+)',  # a member in JSON
    r"(?P<before>(?:^|&){name}=)(?P<value>[^&]*)",  # a form's field
    r"(?P<before><(?:\w+:)?{name}(?:\s[^>]*)?>)(?P<value>[^<]*)",  # an XML element
    r"(?P<before>\s{name}=[\"'])(?P<value>[^\"']*)",  # an XML attribute
)


def masked(seen: Seen, fresh: Collection[str]) -> tuple[object, ...]:
    """Method, path, headers and body of a request; what is declared as fresh is empty."""
    headers = {name: "" if f"header {name}" in _lowered(fresh) else value for name, value in seen.headers.items()}
    path, body = seen.path, seen.body.decode("utf-8", "surrogateescape")
    for part in fresh:
        place, _, name = part.partition(" ")
        if place == "query":
            path = _pattern(_QUERY, name).sub(_without_value, path)
        elif place == "body":
            for form in _BODY:
                body = _pattern(form, name).sub(_without_value, body)
    return seen.method, path, headers, body


def fresh_values(seen: Seen, part: str) -> list[str]:
    """The values that stand in this part of the request, none if it does not have the part."""
    place, _, name = part.partition(" ")
    if place == "header":
        return [value for header, value in seen.headers.items() if header == name.lower()]
    if place == "query":
        return [found["value"] for found in _pattern(_QUERY, name).finditer(seen.path)]
    body = seen.body.decode("utf-8", "surrogateescape")
    return [found["value"] for form in _BODY for found in _pattern(form, name).finditer(body)]


def _pattern(form: str, name: str) -> re.Pattern[str]:
    return re.compile(form.format(name=re.escape(name)))


def _without_value(found: re.Match[str]) -> str:
    return found["before"]


def _lowered(fresh: Collection[str]) -> set[str]:
    return {part.lower() for part in fresh}
