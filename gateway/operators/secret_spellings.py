"""Finding a secret in a text that may spell it otherwise: escaped as in JSON or HTML, percent-encoded, in base64 or
hexadecimal, twice of these, or cut off at an ellipsis.

The text is read in each way of escaping that its characters allow, always knowing where in the text a character comes
from. So only texts are compared, whatever the secret: no pattern is compiled for a session's token.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from html import unescape
from string import ascii_lowercase, ascii_uppercase
from typing import Final, NamedTuple

from gateway.secrets import SHORTEST_SECRET

ELLIPSIS: Final = "…"

Span = tuple[int, int]
Piece = tuple[str, int]
"""What some characters of the text stand for, and how many these are."""


class _DecodedText(NamedTuple):
    """The text read in one way; its n-th character comes from `starts[n]` to `ends[n]` of the text."""

    plain: str
    starts: Sequence[int]
    ends: Sequence[int]


class _Escape(NamedTuple):
    """One way of escaping: a character without which there is none, what an escape looks like, what it stands for."""

    sign: str
    pattern: re.Pattern[str]
    pieces: Callable[[str], Iterable[Piece]]


def spans_of(text: str, secrets: Iterable[str]) -> list[Span]:
    """Where in the text these secrets stand, in order and without overlap; of one that is cut off, its beginning."""
    forms = [form for secret in set(secrets) if len(secret) >= SHORTEST_SECRET for form in _forms(secret)]
    return _merge(sorted(span for reading in _readings(text) for span in _spans_in(reading, forms))) if forms else []


class _Form(NamedTuple):
    """One form of a secret, and which alphabet it is written in."""

    alphabet: int
    text: str


def _forms(secret: str) -> Iterator[_Form]:
    """What a text may hold: the secret itself, in letters of any size, as it is, in one line and (a UUID often is)
    without its dashes; in base64, wherever it begins in that; in hexadecimal."""
    for form in dict.fromkeys((secret, " ".join(secret.split()), secret.replace("-", ""))):
        if len(form) >= SHORTEST_SECRET:
            yield _Form(_ANY, form.translate(_SMALL))
    data = secret.encode("utf-8", "surrogatepass")
    for offset in range(3):
        yield _Form(_BASE64, _within_base64(data, offset))
    yield _Form(_HEX, data.hex())


_ANY: Final = 0
_BASE64: Final = 1
_HEX: Final = 2

_FROM_ADDRESSES: Final = str.maketrans("-_", "+/")
"""From the alphabet of base64 that is safe in addresses."""

_SMALL: Final = str.maketrans(ascii_uppercase, ascii_lowercase)


def _spans_in(reading: _DecodedText, forms: list[_Form]) -> Iterator[Span]:
    plain = reading.plain
    small = plain.translate(_SMALL)
    written = (small, plain.translate(_FROM_ADDRESSES), small)
    here = [form for form in forms if form.text[:SHORTEST_SECRET] in written[form.alphabet]]
    if not here:
        return
    broken = [match.span("broken") for match in _CUT.finditer(plain)]
    cuts = broken + [(end, end) for start, end in broken if start < end]  # it may only look like a piece of an escape
    for alphabet, form in here:
        for start, end in (*_whole(written[alphabet], form), *_cut_off(written[alphabet], form, cuts)):
            yield reading.starts[start], reading.ends[end - 1]


def _within_base64(data: bytes, offset: int) -> str:
    """The characters of base64 that these bytes alone decide, where they come after `offset` others."""
    first = -(-8 * offset // 6)
    return b64encode(bytes(offset) + data).decode()[first : 8 * (offset + len(data)) // 6]


def _whole(plain: str, form: str) -> Iterator[Span]:
    start = plain.find(form)
    while start >= 0:
        yield start, start + len(form)
        start = plain.find(form, start + 1)


def _cut_off(plain: str, form: str, cuts: list[Span]) -> Iterator[Span]:
    """The beginnings of the form, of `SHORTEST_SECRET` characters or more, at whose end the text is cut off."""
    begin = form[:SHORTEST_SECRET]
    for cut, end in cuts:
        start = plain.find(begin, max(0, cut - len(form)), cut)
        while start >= 0:
            if form.startswith(plain[start:cut]):
                yield start, end
                break
            start = plain.find(begin, start + 1, cut)


_CUT: Final = re.compile(
    rf"""
    (?P<broken> [\ud800-\udfff]{{0,3}}
        (?: \\{{1,4}} (?: u[0-9a-f]{{0,3}} | u[d][89ab][0-9a-f]{{2}} | x[0-9a-f]? )?
          | %[0-9a-f]?
          | &\#?[0-9a-z]{{0,31}}
        )?
    )
    (?: {ELLIPSIS} | \Z )
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""Where a text is cut off; a piece of a character or of an escape may stand before it."""


def _readings(text: str) -> Iterator[_DecodedText]:
    """The text as it is, and read in one or two ways of escaping."""
    as_it_is = _DecodedText(text, range(len(text)), range(1, len(text) + 1))
    yield as_it_is
    seen, latest = {text}, [as_it_is]
    for _ in range(2):
        fresh = {}
        for escape in _ESCAPES:
            for each in latest:
                read = _unescape(each, escape)
                if read.plain not in seen:
                    fresh[read.plain] = read
        yield from fresh.values()
        seen |= fresh.keys()
        latest = [*fresh.values()]


def _unescape(reading: _DecodedText, escape: _Escape) -> _DecodedText:
    """The same read once more; it is the same where nothing is escaped so."""
    if escape.sign not in reading.plain:
        return reading
    plain: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    at = 0
    for match in escape.pattern.finditer(reading.plain):
        plain.append(reading.plain[at : match.start()])
        starts += reading.starts[at : match.start()]
        ends += reading.ends[at : match.start()]
        at = match.start()
        for letters, width in escape.pieces(match[0]):
            plain.append(letters)
            starts += [reading.starts[at]] * len(letters)
            ends += [reading.ends[at + width - 1]] * len(letters)
            at += width
    plain.append(reading.plain[at:])
    return _DecodedText("".join(plain), [*starts, *reading.starts[at:]], [*ends, *reading.ends[at:]])


_SHORT: Final = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_UNIT: Final = len("\\u0061")


def _of_json(escape: str) -> Iterator[Piece]:
    r"""``\u0061\ud83d\ude00``, ``\x61``, ``\n`` or ``\/``."""
    if escape[1] == "x":
        yield chr(int(f"0{escape[1:]}", 0)), len(escape)
    elif escape[1] != "u":
        yield _SHORT.get(escape[1], escape[1]), len(escape)
    else:
        units = b"".join(int(unit, 16).to_bytes(2, "big") for unit in escape[2:].split("\\u"))
        for letter in units.decode("utf-16-be", "surrogatepass"):
            yield letter, _UNIT * (1 + (letter > "\uffff"))


def _of_address(escape: str) -> Iterator[Piece]:
    """``%61%C3%BC``, or ``+`` in a form; a byte that is not UTF-8 becomes half of a surrogate pair."""
    if escape == "+":
        yield " ", 1
        return
    for letter in bytes.fromhex(escape.replace("%", "")).decode("utf-8", "surrogateescape"):
        yield letter, len("%61") * len(letter.encode("utf-8", "surrogateescape"))


def _of_html(escape: str) -> Iterator[Piece]:
    """``&#97;``, ``&#x61;`` or ``&amp;``."""
    yield unescape(escape), len(escape)


_PERCENT: Final = r"(?:%[0-9a-fA-F]{2})+"

_ESCAPES: Final = (
    _Escape("\\", re.compile(r"(?:\\u[0-9a-fA-F]{4})+|\\x[0-9a-fA-F]{2}|\\[^ux]", re.DOTALL), _of_json),
    _Escape("%", re.compile(_PERCENT), _of_address),
    _Escape("+", re.compile(rf"{_PERCENT}|\+"), _of_address),
    _Escape("&", re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});"), _of_html),
)


def _merge(spans: list[Span]) -> list[Span]:
    """The same characters in spans that do not touch."""
    merged: list[Span] = []
    for start, end in spans:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
