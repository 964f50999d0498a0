"""The outermost members of a JSON object as raw text, however odd what stands inside them.

A call must not be refused because of what only informs, nor a clear yes of an operator be lost for it. A rollback's
reason, a player's nickname or a balance may be nested a thousand deep, hold a number of a million digits, half of a
surrogate pair or bytes that are not UTF-8: no JSON parser takes all of these, so none is asked.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final

import jiter

_STRING: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_TOKEN: Final = re.compile(_STRING + rb'|["{}\[\],]', re.DOTALL)
_NAME: Final = re.compile(rb"\s*(?P<name>" + _STRING + rb")\s*:", re.DOTALL)
_DEPTH: Final = {b"{": 1, b"[": 1, b"}": -1, b"]": -1}


def members(body: bytes) -> list[tuple[bytes, bytes]]:
    """The names (with their quotes) and values of an object's members, in order, as they were written.

    Takes time linear in the body. Raises `ValueError` where the outermost level is not that of an object.
    """
    text = body.strip()
    if len(text) < len("{}") or not (text.startswith(b"{") and text.endswith(b"}")):
        raise ValueError("the body is not a complete JSON object")
    inside = text[1:-1]
    return [_member(part) for part in _parts(inside)] if inside.strip() else []


class DuplicateMember(ValueError):
    """The object gives a member twice that must be there once: others might read the other one."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is there twice")
        self.name = name


def members_by_name(body: bytes, once: Collection[str]) -> dict[str, list[bytes]]:
    """The same values by the names that they belong to; a member whose name cannot be read is left out.

    Raises `ValueError` as `members` does, and `DuplicateMember` for a name in `once` that comes twice.
    """
    found: dict[str, list[bytes]] = {}
    for raw_name, value in members(body):
        try:
            name = jiter.from_json(raw_name)
        except ValueError:
            continue
        if name in once and name in found:
            raise DuplicateMember(name)
        found.setdefault(name, []).append(value)
    return found


def _parts(inside: bytes) -> Iterator[bytes]:
    """What stands between the outermost commas."""
    depth = start = 0
    for token in _TOKEN.finditer(inside):
        depth += _DEPTH.get(token[0], 0)
        if depth < 0:
            raise ValueError("the body closes a bracket that it never opened")
        if token[0] == b'"':
            raise ValueError("the body holds a string that never ends")
        if depth == 0 and token[0] == b",":
            yield inside[start : token.start()]
            start = token.end()
    if depth:
        raise ValueError("the body never closes a bracket")
    yield inside[start:]


def _member(part: bytes) -> tuple[bytes, bytes]:
    name = _NAME.match(part)
    if name is None:
        raise ValueError("the body holds a member without a name")
    return name["name"], part[name.end() :].strip()
