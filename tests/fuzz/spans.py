"""Where the members of an answer stand in its bytes, so that one can be cut out, replaced, renamed or repeated.

The bodies are those of simulated operators: whole and well-formed. JSON, XML, and lines or forms of `name=value`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

NAME: Final = re.compile(rb'("(?:[^"\\]|\\.)*")\s*:\s*', re.DOTALL)
SCALAR: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[^\s,\]}]+', re.DOTALL)
BETWEEN: Final = re.compile(rb"[\s,]*")
XML_TAG: Final = re.compile(rb"<(?P<close>/?)(?P<name>[A-Za-z_][\w.:-]*)(?P<rest>[^<>]*?)(?P<empty>/?)>")
XML_ATTRIBUTE: Final = re.compile(rb"([\w.:-]+)=\"([^\"]*)\"")
PAIR: Final = re.compile(rb"([^=&\r\n]+)=([^&\r\n]*)")


class Span(NamedTuple):
    """A member from `start` to `end`, with its name (in quotes, if it has them) and its value; the entry of a list has
    an empty name."""

    start: int
    name_start: int
    name_end: int
    value_start: int
    value_end: int
    end: int


def spans_of(body: bytes) -> tuple[Span, ...]:
    """Every member of the body, those within others too; none for a body that is not well-formed."""
    try:
        if body.startswith((b"{", b"[")):
            found: list[Span] = []
            _read_json(body, 0, found)
            return tuple(found)
        if body.startswith(b"<"):
            return tuple(_of_xml(body))
    except IndexError:  # half an answer, or a web page
        return ()
    return tuple(Span(pair.start(), *pair.span(1), *pair.span(2), pair.end()) for pair in PAIR.finditer(body))


def _read_json(body: bytes, at: int, found: list[Span]) -> int:
    """Where the value that begins here ends."""
    opening = body[at : at + 1]
    if opening not in (b"{", b"["):
        return _match(SCALAR, body, at).end()
    at = _match(BETWEEN, body, at + 1).end()
    while body[at] not in b"}]":
        start, name = at, (at, at)
        if opening == b"{":
            named = _match(NAME, body, at)
            name, at = named.span(1), named.end()
        end = _read_json(body, at, found)
        found.append(Span(start, *name, at, end, end))
        at = _match(BETWEEN, body, end).end()
    return at + 1


def _match(pattern: re.Pattern[bytes], body: bytes, at: int) -> re.Match[bytes]:
    found = pattern.match(body, at)
    if found is None:
        raise IndexError(at)
    return found


def _of_xml(body: bytes) -> Iterator[Span]:
    opened: list[tuple[int, tuple[int, int], int]] = []
    for tag in XML_TAG.finditer(body):
        for found in XML_ATTRIBUTE.finditer(body, *tag.span("rest")):
            yield Span(found.start(), *found.span(1), *found.span(2), found.end())
        if tag["close"]:
            start, name, value_start = opened.pop()
            yield Span(start, *name, value_start, tag.start(), tag.end())
        elif tag["empty"]:
            yield Span(tag.start(), *tag.span("name"), tag.end(), tag.end(), tag.end())
        else:
            opened.append((tag.start(), tag.span("name"), tag.end()))
