"""Finding secrets in a text that may spell them otherwise: escaped as in JSON or HTML, percent-encoded, in base64 or
hexadecimal, twice of these, in letters of another size, split by other characters, or cut off at an ellipsis.

A text is compared by its letters and digits alone (`squeeze`), as it is and read in each way of escaping that its
characters allow, always knowing where in the text a character comes from. What a secret may look like in there is
worked out once for the secrets of a configuration (`KnownSecrets`); a session's token lives for a few calls, so no
pattern is compiled for it.
"""

from __future__ import annotations

import hashlib
import re
import sys
from base64 import b64encode
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from html import escape as escape_html
from html import unescape
from itertools import chain
from json import dumps
from operator import itemgetter
from string import ascii_lowercase, ascii_uppercase
from typing import Final, NamedTuple
from unicodedata import normalize
from urllib.parse import quote

from gateway.secrets import SHORTEST_SECRET

ELLIPSIS: Final = "…"

Span = tuple[int, int]
Piece = tuple[str, int]
"""What some characters of the text stand for, and how many these are."""

_SHORTEST_SQUEEZED: Final = 6
"""Letters and digits. A secret with fewer is looked for with all that stands between: `12-3` is not found in a date."""

_LONGEST_LINE_ANYWHERE: Final = 15
"""Characters: a longer line of a secret (of a key in PEM form) is one by itself."""

_NESTED_UP_TO: Final = 500
"""Secrets. Of more, what is encoded twice or in UTF-16 is not looked for: it would take 5 KB for each."""

_OFTEN_UP_TO: Final = 100
"""Characters. A game gives few reasons and sells few products, so that its short texts come again and again."""

_HARD_TO_READ: Final = re.compile(r"[^ -~]|[\\%&]")
"""What may be an escape, or is folded before it is compared."""

_SMALL: Final = str.maketrans(ascii_uppercase, ascii_lowercase)
_FILLERS: Final = frozenset("\u115f\u1160\u3164\uffa0")
"""Letters for Unicode, but nobody sees them."""


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


class KnownSecrets:
    """The secrets of a configuration. What they may look like is worked out at the first search, and kept."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = frozenset(secrets)

    @cached_property
    def shortest(self) -> int:
        """The characters of the shortest form: no shorter text holds any."""
        return min((index.shortest for index in self._indexes), default=sys.maxsize)

    def are_far_from(self, text: str, token: str) -> bool:
        """Whether it can be seen at a glance that neither these secrets nor this token are in the text: what nearly
        every call has to pay."""
        begins = _begins_of_short(text) if len(text) <= _OFTEN_UP_TO else _begins_of(text)
        if begins is None or self._has_few_letters:
            return False
        index = _index_of(token)
        return not index.has_few_letters and begins.isdisjoint(self._begins) and begins.isdisjoint(index.begins)

    @cached_property
    def _has_few_letters(self) -> bool:
        return any(index.has_few_letters for index in self._indexes)

    @cached_property
    def _begins(self) -> frozenset[str]:
        return frozenset().union(*(index.begins for index in self._indexes))

    def spans_in(self, text: str, more: Iterable[str] = (), escaped: int = 2) -> list[Span]:
        """Where in the text these secrets and `more` stand, in order and without overlap; of one that is cut off, its
        beginning. `escaped`: how many times a text may be escaped."""
        indexes = [*self._indexes, *map(_index_of, set(more))]
        if not indexes:
            return []
        found = (
            (reading.starts[start], reading.ends[end - 1])
            for reading in _readings(text, escaped)
            for start, end in _spans_of(reading.plain, indexes)
        )
        return _merge(_with_whole_escapes(text, sorted(found)))

    def hide(self, text: str, more: Iterable[str], sign: str, escaped: int = 2) -> str:
        """The text with this sign in place of what `spans_in` finds."""
        return _replaced(text, self.spans_in(text, more, escaped), sign)

    def hide_in_json(self, text: str, sign: str) -> str:
        """The same of JSON, whose numbers stay: they are the gateway's own, and with a sign in place of one nothing
        could read it."""
        spans = self.spans_in(text)
        return _replaced(text, _within_strings(text, spans) if spans else spans, sign)

    @cached_property
    def _indexes(self) -> list[_Index]:
        nested = len(self._secrets) <= _NESTED_UP_TO
        forms = [_forms_of(secret, nested=nested) for secret in self._secrets if len(secret) >= SHORTEST_SECRET]
        return [_Index(chain.from_iterable(forms))] if forms else []


class _Form(NamedTuple):
    """One form of a secret in small letters: `is_exact` with all that stands between letters and digits."""

    is_exact: bool
    text: str


_Candidate = tuple[int, list[str]]
"""Where the first `SHORTEST_SECRET` characters of forms stand, and the forms in their order."""

_Cut = tuple[int, int]
"""Up to where a text is whole, and where it is cut off: a piece of a character or of an escape may stand between."""


class _Index:
    """Forms by their first characters, those for the text as it is and those for its letters and digits."""

    def __init__(self, forms: Iterable[_Form]) -> None:
        self.exact: dict[str, list[str]] = {}
        self.squeezed: dict[str, list[str]] = {}
        self.shortest = sys.maxsize
        for form in sorted(forms):
            by_begin = self.exact if form.is_exact else self.squeezed
            by_begin.setdefault(form.text[:SHORTEST_SECRET], []).append(form.text)
            self.shortest = min(self.shortest, len(form.text))
        letters = [squeeze(form)[:SHORTEST_SECRET] for forms in self.exact.values() for form in forms]
        self.begins = frozenset({*self.squeezed, *letters})
        self.has_few_letters = any(len(begin) < SHORTEST_SECRET for begin in letters)


@lru_cache(maxsize=256)  # a session's calls often fail one after another
def _index_of(secret: str) -> _Index:
    return _Index(_forms_of(secret, nested=True) if len(secret) >= SHORTEST_SECRET else ())


def _begins_of(text: str) -> frozenset[str] | None:
    """What a secret in the text can begin with; None if the text may be escaped."""
    if _HARD_TO_READ.search(text) is not None:
        return None
    letters = text.translate(_SQUEEZED)
    return frozenset(map("".join, zip(letters, letters[1:], letters[2:], letters[3:], strict=False)))


_begins_of_short = lru_cache(maxsize=256)(_begins_of)  # with texts of this length it takes at most 4 MB


def _spans_of(plain: str, indexes: list[_Index]) -> Iterator[Span]:
    small = plain.translate(_SMALL)
    exact = [index.exact for index in indexes if index.exact]
    if exact and (here := _candidates(small, exact)):
        for start, end, cut in _found(small, here, _cuts(plain)):
            yield start, end if cut is None else cut
    letters = squeeze(plain)
    if here := _candidates(letters, [index.squeezed for index in indexes]):
        places = [at for at, letter in enumerate(plain) for _ in squeeze(letter)]
        # Only where a letter stands before it: what was left out may be punctuation behind the whole secret.
        cuts = [
            (number, cut)
            for broken, cut in _cuts(plain)
            if (number := bisect_left(places, broken)) and places[number - 1] + 1 == broken
        ]
        for start, end, cut in _found(letters, here, cuts):
            yield places[start], places[end - 1] + 1 if cut is None else cut


def _candidates(text: str, indexes: Iterable[Mapping[str, list[str]]]) -> list[_Candidate]:
    """What may begin where. The time does not depend on how many forms there are."""
    begins = set(map("".join, zip(text, text[1:], text[2:], text[3:], strict=False)))
    return [
        (start, index[begin])
        for index in indexes
        for begin in index.keys() & begins
        for start in _places_of(begin, text)
    ]


def _places_of(begin: str, text: str) -> Iterator[int]:
    start = text.find(begin)
    while start >= 0:
        yield start
        start = text.find(begin, start + 1)


def _found(text: str, candidates: Iterable[_Candidate], cuts: list[_Cut]) -> Iterator[tuple[int, int, int | None]]:
    """Where a form begins and ends, and the place of the cut where only its beginning is there."""
    for start, forms in candidates:
        here = text[start:]
        whole = _longest_whole(here, forms)
        if whole:
            yield start, start + len(whole), None
        # Of what stands beside this place in the order, one has the most in common with it.
        place = bisect_right(forms, here)
        common, nearest = max((_common_length(here, form), form) for form in forms[max(place - 1, 0) : place + 1])
        # The last cut that the form's beginning reaches
        # (test_a_text_meant_to_take_long_does_not: there may be as many as there are characters).
        if nearest != whole and (number := bisect_right(cuts, start + common, key=_whole_until)):
            at, cut = cuts[number - 1]
            if at - start >= SHORTEST_SECRET:
                yield start, at, cut


def _longest_whole(text: str, forms: list[str]) -> str:
    """The longest of these sorted forms that the text begins with; "" if it begins with none. The time hardly depends
    on how many there are: secrets of one maker begin alike (`sk_live_…`), and who knows that can write it often."""
    while place := bisect_right(forms, text):
        form = forms[place - 1]
        common = _common_length(text, form)
        if common == len(form):
            return form
        text = text[:common]  # a shorter one that the text begins with begins this form, too
    return ""


def _whole_until(cut: _Cut) -> int:
    return cut[0]


def _common_length(text: str, form: str) -> int:
    """How many characters of the form the text begins with."""
    least, most = 0, len(form)
    while least < most:
        middle = (least + most + 1) // 2
        if text.startswith(form[:middle]):
            least = middle
        else:
            most = middle - 1
    return least


def _cuts(plain: str) -> list[_Cut]:
    """Where the text is cut off: at each ellipsis, and at its end."""
    broken = [match.span("broken") for match in _CUT.finditer(plain)]
    return sorted({*broken, *((end, end) for _, end in broken)})  # it may only look like a piece of an escape


def squeeze(text: str) -> str:
    """The letters and digits of the text, in small letters and without accents. Its quotes stay: in a line of JSON no
    secret begins in one text and ends in the next."""
    return text.translate(_SQUEEZED) if text.isascii() else "".join(map(_squeeze_letter, text))


_SQUEEZED: Final = {code: chr(code).lower() if chr(code).isalnum() or chr(code) == '"' else None for code in range(128)}


@lru_cache(maxsize=4096)
def _squeeze_letter(letter: str) -> str:
    if letter in _FILLERS:
        return ""
    parts = normalize("NFKD", letter.lower())
    return "".join(part for part in parts if part.isalnum() or part == '"')


def _forms_of(secret: str, *, nested: bool) -> Iterator[_Form]:
    """What a text may hold in place of a secret that is not too short."""
    for form in {secret, " ".join(secret.split())}:
        if len(form) >= SHORTEST_SECRET:
            yield _Form(is_exact=True, text=form.translate(_SMALL))
    plain = {form for form in map(squeeze, _plain(secret)) if len(form) >= _SHORTEST_SQUEEZED}
    encoded = {form for form in map(squeeze, _encoded(secret, nested=nested)) if len(form) >= SHORTEST_SECRET}
    for form in plain | encoded:
        yield _Form(is_exact=False, text=form)


def _plain(secret: str) -> Iterator[str]:
    """The secret itself, and what is read as easily."""
    yield secret
    yield secret[::-1]
    yield from _escaped(secret)
    yield repr(secret)[1:-1]
    yield repr(_bytes(secret))[2:-1]
    for algorithm in ("md5", "sha1", "sha256", "sha512"):  # what some protocols want in place of a password
        digest = hashlib.new(algorithm, _bytes(secret), usedforsecurity=False).digest()
        yield digest.hex()
        yield b64encode(digest).decode()
    lines = [line for line in secret.splitlines() if not line.startswith("-----")]
    if len(lines) > 1:
        yield "".join(lines)
        yield from (line for line in lines if len(line.strip()) > _LONGEST_LINE_ANYWHERE)


def _escaped(text: str) -> Iterator[str]:
    yield quote(_bytes(text), safe="")
    yield dumps(text)[1:-1]
    yield escape_html(text)


def _encoded(secret: str, *, nested: bool) -> Iterator[str]:
    """In base64, wherever it begins in that, and in hexadecimal; of a nested one, the same of what these and escapes
    make of it, and of its UTF-16; and its bytes as numbers."""
    data = _bytes(secret)
    once = {*_in_base64(data), data.hex()}
    yield from once
    if nested:
        inner = {*_escaped(secret), data.hex().upper(), *once, *(text.translate(_FOR_ADDRESSES) for text in once)}
        for text in inner - {secret}:
            yield from _in_base64(_bytes(text))
            yield _bytes(text).hex()
        for wide in _wide(secret):
            yield from _in_base64(wide)
            yield wide.hex()
        yield " ".join(map(str, data))
        yield " ".join(map(hex, data))


def _wide(text: str) -> set[bytes]:
    """The text in UTF-16 of either order, without the byte at its end that is zero for most letters: it may be left
    out, or belong to what comes before."""
    little, big = (text.encode(f"utf-16-{order}", "surrogatepass") for order in ("le", "be"))
    return {little[:-1], big[1:]}


_FOR_ADDRESSES: Final = str.maketrans("+/", "-_")


def _in_base64(data: bytes) -> Iterator[str]:
    """The characters of base64 that these bytes alone decide, where they come after none, one or two others."""
    for offset in range(3):
        first = -(-8 * offset // 6)
        yield b64encode(bytes(offset) + data).decode()[first : 8 * (offset + len(data)) // 6]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


_END: Final = rf"(?: {ELLIPSIS} | \.{{3}} | \*{{3}} | \Z )"
"""What stands where we or an operator cut a text off, as a verbose pattern."""

_CUT: Final = re.compile(
    rf"""
    (?P<broken> [\ud800-\udfff]{{0,3}}
        (?: \\{{1,4}} (?:
                u[0-9a-f]{{0,3}} | u[d][89ab][0-9a-f]{{2}} | x[0-9a-f]?
              | (?-i:U)[0-9a-f]{{4,7}} | u\{{[0-9a-f]{{0,6}} | [0-7]{{1,2}} )?
          | % (?: [0-9a-f] | u[0-9a-f]{{0,3}} )?
          | &\#?[0-9a-z]{{0,31}}
        )?
    )
    {_END}
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""Where a text is cut off; a piece of a character or of an escape may stand before it."""


def _readings(text: str, escaped: int) -> Iterator[_DecodedText]:
    """The text as it is, and read in up to so many ways of escaping, one after the other."""
    as_it_is = _DecodedText(text, range(len(text)), range(1, len(text) + 1))
    yield as_it_is
    seen, latest = {text}, [as_it_is]
    for _ in range(escaped):
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
    r"""``\u0061\ud83d\ude00``, ``\x61``, ``\n`` or ``\/``; of other languages ``\u{61}``, ``\U00000061`` and
    ``\141``."""
    if len(escape) == len("\\n"):
        yield _SHORT.get(escape[1], escape[1]), len(escape)
    elif escape[1] in "xU" or escape[2] == "{":
        number = int(escape[2:].strip("{}"), 16)
        yield chr(number) if number <= sys.maxunicode else "\ufffd", len(escape)
    elif escape[1] == "u":
        yield from _of_units(escape)
    else:
        yield from _of_bytes(bytes(int(byte, 8) & 0xFF for byte in escape[1:].split("\\")), len("\\141"))


def _of_units(escape: str) -> Iterator[Piece]:
    units = b"".join(int(unit, 16).to_bytes(2, "big") for unit in escape[2:].split(escape[:2]))
    for letter in units.decode("utf-16-be", "surrogatepass"):
        yield letter, _UNIT * (1 + (letter > "\uffff"))


def _of_bytes(data: bytes, width: int) -> Iterator[Piece]:
    """Letters of UTF-8, of which each byte is spelled in so many characters; a byte that is not UTF-8 becomes half of a
    surrogate pair."""
    for letter in data.decode("utf-8", "surrogateescape"):
        yield letter, width * len(letter.encode("utf-8", "surrogateescape"))


def _of_address(escape: str) -> Iterator[Piece]:
    """``%61%C3%BC``, or ``%u0061`` of JavaScript's `escape`."""
    if escape[1] == "u":
        yield from _of_units(escape)
    else:
        yield from _of_bytes(bytes.fromhex(escape.replace("%", "")), len("%61"))


def _of_html(escape: str) -> Iterator[Piece]:
    """``&#97;``, ``&#x61;`` or ``&amp;``."""
    yield unescape(escape), len(escape)


_JSON: Final = re.compile(
    rf"""
      (?: \\u[0-9a-fA-F]{{4}} )+
    | \\x[0-9a-fA-F]{{2}}
    | \\u\{{[0-9a-fA-F]{{1,8}}\}}
    | \\U[0-9a-fA-F]{{8}}
    | (?: \\[0-7]{{3}} )+
    | \\(?! (?: U[0-9a-fA-F]{{0,7}} | [0-7]{{1,2}} ) {_END} ) [^ux]
    """,
    re.DOTALL | re.VERBOSE,
)
_HTML: Final = re.compile(
    rf"""
    & (?: \#[0-9]{{1,20}} (?: ; | (?! [0-9] | {_END} ) )
        | \#[xX][0-9a-fA-F]{{1,20}} (?: ; | (?! [0-9a-fA-F] | {_END} ) )
        | [a-zA-Z][a-zA-Z0-9]{{1,31}} ;
      )
    """,
    re.VERBOSE,
)
"""A number needs no semicolon for a browser, and may begin with zeros."""

_ESCAPES: Final = (
    _Escape("\\", _JSON, _of_json),
    _Escape("%", re.compile(r"(?:%[0-9a-fA-F]{2})+|(?:%u[0-9a-fA-F]{4})+"), _of_address),
    _Escape("&", _HTML, _of_html),
)


def _with_whole_escapes(text: str, spans: list[Span]) -> list[Span]:
    """The spans, of which none begins or ends within an escape of JSON: what is left of it would spoil a line."""
    if not spans or "\\" not in text:
        return spans
    escapes = [match.span() for match in _ONE_ESCAPE.finditer(text)]
    starts = [start for start, _ in escapes]

    def around(at: int) -> Span:
        number = bisect_left(starts, at) - 1
        start, end = escapes[number] if number >= 0 else (at, at)
        return (start, end) if at < end else (at, at)

    return sorted((around(start)[0], around(end)[1]) for start, end in spans)


_ONE_ESCAPE: Final = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\.", re.DOTALL
)


def _replaced(text: str, spans: list[Span], sign: str) -> str:
    parts, at = [], 0
    for start, end in spans:
        parts += [text[at:start], sign]
        at = end
    return "".join([*parts, text[at:]]) if parts else text


def _within_strings(text: str, spans: list[Span]) -> list[Span]:
    """Of these spans those that begin in a string of the JSON: none begins in one and ends in the next."""
    strings = [match.span() for match in _STRING.finditer(text)]
    numbers = [bisect_right(strings, start, key=itemgetter(0)) for start, _ in spans]
    return [span for span, number in zip(spans, numbers, strict=True) if number and span[0] < strings[number - 1][1]]


_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"')


def _merge(spans: list[Span]) -> list[Span]:
    """The same characters in spans that do not touch."""
    merged: list[Span] = []
    for start, end in spans:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
