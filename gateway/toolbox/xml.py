"""XML requests and answers as plain dictionaries. See `docs/decisions/046-xml-through-xmltodict.md`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, Final
from xml.parsers import expat

import xmltodict

from gateway.operators.errors import Declined, Kind, Unclear

_XmlElement = str | None | Mapping[str, "XmlMember"]
XmlMember = _XmlElement | Sequence[_XmlElement]
"""A text, nothing (an empty element), or elements by their names; a sequence of these where an element is repeated."""

MOST_TAGS: Final = 50_000
"""Far more than an answer has. Each becomes an object, while the loop does nothing else."""

# What XML 1.0 cannot carry (section 2.2), and the carriage return, which a reader turns into a line feed (2.11).
_UNWRITABLE: Final = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def parse_xml(body: bytes) -> dict[str, Any]:
    """The elements by their names, the root first: ``{"balance": {"real": "10.00", "currency": None}}``.

    A text has no white space around it; an empty element is None, a repeated one a list. Attributes are left out. Read
    what must be there once with `text_at`. Raises `Unclear` for what is not well-formed, for a DTD, and for more than
    `MOST_TAGS`.
    """
    if body.count(b"<") > MOST_TAGS:
        raise Unclear(f"the operator's answer has more than {MOST_TAGS} tags")
    try:
        tree: dict[str, Any] = xmltodict.parse(body, expat=_STRICT_EXPAT, xml_attribs=False)
    except (expat.ExpatError, ValueError, LookupError):
        raise Unclear("the operator's answer is not XML that can be read in one way") from None
    return tree


def build_xml(root: str, members: Mapping[str, XmlMember]) -> bytes:
    """An XML document in UTF-8, without white space between elements. Names must be XML names.

    Raises `Declined` for a text with characters that XML cannot carry.
    """
    document = xmltodict.unparse({root: _writable(members)})
    return document.replace("?>\n", "?>", 1).encode()


def text_at(tree: Mapping[str, Any], *path: str) -> str | None:
    """The text of the element at this path, empty for an empty element. None if any element of the path is missing or
    stands there twice, and if the last one holds other elements."""
    found: Any = tree
    for name in path:
        if not isinstance(found, Mapping) or name not in found:
            return None
        found = found[name]
    if found is None:
        return ""
    return found if isinstance(found, str) else None


def _strict_parser(encoding: str | None, namespace_separator: str | None) -> expat.XMLParserType:
    parser = expat.ParserCreate(encoding, namespace_separator)
    parser.StartDoctypeDeclHandler = _refuse_dtd
    return parser


def _refuse_dtd(*_: object) -> None:
    # No wallet contract has one. Under a DTD an entity may be left out of a text, or come from elsewhere.
    raise ValueError("a document type declaration")


_STRICT_EXPAT: Final = SimpleNamespace(ParserCreate=_strict_parser)


def _writable(value: XmlMember) -> Any:
    """The same as dictionaries and lists: xmltodict would take another mapping for a text. Raises `Declined`."""
    match value:
        case None:
            return None
        case str():
            if _UNWRITABLE.search(value):
                raise Declined(Kind.OTHER, "a text has characters that XML cannot carry; nothing was sent")
            return value
        case Mapping():
            return {name: _writable(member) for name, member in value.items()}
        case _:
            return [_writable(member) for member in value]
