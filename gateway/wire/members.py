"""Splits a JSON object into its outermost members without parsing their values.

A call must not be refused because of a field that only informs, and an operator's clear yes must not be lost because of
one. A rollback's reason, a player's nickname or a balance may be nested a thousand levels deep, contain a number of a
million digits, half of a surrogate pair, or bytes that are not UTF-8. No JSON parser reads all of these
(docs/decisions/052-reading-and-writing-json.md).
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Collection, Iterator
from typing import Final

import jiter

MOST_MARKS: Final = 40_000
"""Quotes, brackets and commas that are looked at one by one while the loop does nothing else: some milliseconds."""

# Possessive quantifiers (`*+`) never go back, so that the time stays linear:
# test_a_million_bytes_meant_to_be_slow_are_not.
_STRING: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_TOKEN: Final = re.compile(_STRING + rb'|["{}\[\],]', re.DOTALL)
_NAME: Final = re.compile(rb"\s*(?P<name>" + _STRING + rb")\s*:", re.DOTALL)
_MARKS_OF_JSON: Final = (b'"', b"{", b"}", b"[", b"]", b",")
_DEPTH: Final = {b"{": 1, b"[": 1, b"}": -1, b"]": -1}


def members(body: bytes) -> list[tuple[bytes, bytes]]:
    """Returns name (with its quotes) and value of each member of an object, in order, as they were written.

    Takes time linear in the body. Raises `ValueError` if the outermost level is not that of an object. Bodies from
    outside are either cut before (`cutting.py`), or pass `require_few_marks`.
    """
    text = body.strip()
    if len(text) < len("{}") or not (text.startswith(b"{") and text.endswith(b"}")):
        raise ValueError("the body is not a complete JSON object")
    content = text[1:-1]
    return [_split_member(part) for part in _split_at_commas(content)] if content.strip() else []


def require_few_marks(body: bytes) -> None:
    """Raises `ValueError` for a body that would keep the loop for long: one of hundreds of kilobytes of brackets."""
    if sum(map(body.count, _MARKS_OF_JSON)) > MOST_MARKS:
        raise ValueError(f"the body has more than {MOST_MARKS} quotes, brackets and commas")


class DuplicateMember(ValueError):
    """A member that must be unique is there twice; the operator might read the other one."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is there twice")
        self.name = name


def members_by_name(body: bytes, once: Collection[str]) -> dict[str, list[bytes]]:
    """Returns the raw values of each name, in order; members whose name cannot be decoded are left out.

    Raises `ValueError` as `members` does, and `DuplicateMember` if a name in `once` is there twice.
    """
    values: dict[str, list[bytes]] = {}
    for raw_name, value in members(body):
        try:
            name = jiter.from_json(raw_name)
        # A name that cannot be decoded is not a needed one, and other fields are ignored anyway.
        except ValueError:
            continue
        if name in once and name in values:
            raise DuplicateMember(name)
        values.setdefault(name, []).append(value)
    return values


def _split_at_commas(content: bytes) -> Iterator[bytes]:
    """Yields the texts between the outermost commas."""
    depth = start = 0
    for token in _TOKEN.finditer(content):
        depth += _DEPTH.get(token[0], 0)
        if depth < 0:
            raise ValueError("the body closes a bracket that was not opened")
        if token[0] == b'"':
            raise ValueError("the body contains a string that is not closed")
        if depth == 0 and token[0] == b",":
            yield content[start : token.start()]
            start = token.end()
    if depth:
        raise ValueError("the body opens a bracket that is not closed")
    yield content[start:]


def _split_member(part: bytes) -> tuple[bytes, bytes]:
    name = _NAME.match(part)
    if name is None:
        raise ValueError("the body contains a member without a name")
    return name["name"], part[name.end() :].strip()


def named_by_mark(body: bytes) -> str | None:
    """The encoding that the mark at a body's beginning names (the byte order mark, Unicode 23.8); None without one."""
    return next((encoding for mark, encoding in _MARKS.items() if body.startswith(mark)), None)


_MARKS: Final = {BOM_UTF8: "UTF-8", BOM_UTF16_LE: "UTF-16", BOM_UTF16_BE: "UTF-16"}
