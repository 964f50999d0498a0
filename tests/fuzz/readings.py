"""What an answer says, read by other means than an adapter's own: every value at every place, in any order.

A place is the path of a value: names of members, `ENTRY` for those of a list, or `HEADER` and a header's name. All
values that stand at a place are kept, so that an answer that says two things is seen to say both.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final
from xml.etree import ElementTree as ET

from gateway.operators import HttpResponse, OperatorError
from gateway.wire.members import members

Place = tuple[str, ...]
Said = dict[Place, list[str]]
ReadBody = Callable[[bytes], dict[str, Any]]

HEADER: Final = "header "
"""The first part of a header's place. No member has this name."""

STATUS: Final[Place] = ("HTTP status",)

ENTRY: Final = "an entry"
"""The part of a place that stands for each entry of a list: their order means nothing."""

UNREADABLE: Final = "\ufffe"
"""Instead of a value that cannot be read. It equals nothing that an operator says."""

ERRORS: Final = (ArithmeticError, ValueError, LookupError, TypeError, RecursionError, OperatorError, ET.ParseError)


class _Object(list[tuple[str, Any]]):
    """A JSON object with every member, in order, also those that are there twice."""


def said(answer: HttpResponse, read_body: ReadBody) -> Said:
    """Every value of the body, of the headers, and the status. `read_body` reads bodies that are neither JSON nor XML;
    it may raise `ERRORS`. A place whose value is null or empty is there, with no text."""
    found: Said = {STATUS: [str(answer.status)]}
    for place, value in _of_body(answer.body, read_body):
        texts = found.setdefault(place, [])
        if value != "":
            texts.append(value)
    for name, value in answer.headers.items():
        found[HEADER, name] = [text_of(value)]
    return found


def folded(exact: Said) -> Said:
    """The same with all names in lower case, for contracts whose names may be in any case."""
    found: Said = {}
    for place, texts in exact.items():
        found.setdefault(tuple(part.casefold() for part in place), []).extend(texts)
    return found


def text_of(value: object) -> str:
    """The same text for the same value, whichever way it is written: 0, "0" and 0.0; in any case."""
    if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) < 40 and value == value.to_integral():
        return str(int(value))
    return "" if value is None else str(value).strip().casefold()


def _of_body(body: bytes, read_body: ReadBody) -> list[tuple[Place, str]]:
    text = body.removeprefix(codecs.BOM_UTF8).strip()
    if text.startswith((b"{", b"[")):
        return _read_or_nothing(lambda: _leaves(_json(text)))
    return _read_or_nothing(lambda: _tree(body)) or _read_or_nothing(lambda: _leaves(read_body(body)))


def _read_or_nothing(leaves: Callable[[], Iterator[tuple[Place, str]]]) -> list[tuple[Place, str]]:
    try:
        return list(leaves())
    except ERRORS:
        return []


def _tree(body: bytes) -> Iterator[tuple[Place, str]]:
    root = ET.fromstring(body)
    return _elements((root.tag,), root)


def _json(body: bytes) -> Any:
    try:
        return _load(body)
    except ERRORS:
        return _Object((_load_or_none(name), _load_or_none(value)) for name, value in members(body))


def _load(text: bytes) -> Any:
    return json.loads(
        text.decode("utf-8", "surrogateescape"),
        object_pairs_hook=_Object,
        parse_float=Decimal,
        parse_int=Decimal,
        parse_constant=_no_number,
    )


def _load_or_none(text: bytes) -> Any:
    try:
        return _load(text)
    except ERRORS:
        return UNREADABLE


def _no_number(name: str) -> Any:
    raise ValueError(name)


def _leaves(value: Any, place: Place = ()) -> Iterator[tuple[Place, str]]:
    match value:
        case _Object():
            for name, member in value:
                yield from _leaves(member, (*place, name))
        case Mapping():
            for name, member in value.items():
                yield from _leaves(member, (*place, name))
        case list():
            for entry in value:
                yield from _leaves(entry, (*place, ENTRY))
        case _:
            yield place, text_of(value)


def _elements(place: Place, element: ET.Element) -> Iterator[tuple[Place, str]]:
    for name, value in element.attrib.items():
        yield (*place, f"@{name}"), text_of(value)
    if len(element) == 0:
        yield place, text_of(element.text)
    for child in element:
        yield from _elements((*place, child.tag), child)
