"""Mutations of a real answer: its members, bytes, status and headers, whatever the format of its body.

An edit is three numbers: which kind, where, and with what. Any numbers are an edit, so that Hypothesis can draw and
shrink them and a generator can draw millions. Edits are made one after another, each where the answer's members stood
at first or, once these have moved, among its bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from gateway.operators import HttpResponse
from tests.fuzz.scenes import Base
from tests.fuzz.spans import Span

Edit = tuple[int, int, int]

STATUSES: Final = (200, 200, 200, 500, 400, 404, 201, 202, 204, 206, 299, 302, 401, 403, 409, 412, 422, 429, 502, 503)

ODD_JSON: Final = (
    b"null", b"true", b"false", b"0", b"1", b"-1", b"0.0", b"1e2", b"1e999", b"1e5000", b"NaN", b'""', b'"0"', b'" "',
    b'"x"', b'"null"', b'"true"', b'"\\ud83d"', b"[]", b"{}", b"[[[[]]]]", b"00", b"1" * 60, b"1" * 5000, b"\xff",
    b"[" * 300, b'"' + b"x" * 3000 + b'"',
)  # fmt: skip
ODD_XML: Final = (
    b"", b" ", b"0", b"1", b"-1", b"00", b"0.0", b"x", b"true", b"null", b"<a/>", b"<a>0</a>", b"&amp;", b"&#48;",
    b"&#0;", b"&x;", b"<![CDATA[0]]>", b"<!-- 0 -->", b"<?x 0?>", b"\xff", b"1" * 60, b"<", b"x" * 3000,
)  # fmt: skip
BEFORE: Final = (
    b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b" ", b"\n", b"\x00", b"0", b",", b"{", b"[", b"<", b"ok ", b"<a>",
    b"\xef\xbb\xbf\xef\xbb\xbf", b'<?xml version="1.0" encoding="latin-1"?>', b"<!DOCTYPE a>", b"/* */", b"HTTP/1.1 ",
)  # fmt: skip
HEADERS: Final = (
    ("content-type", "text/html"), ("content-type", "application/json"), ("content-type", "text/xml; charset=utf-16"),
    ("content-encoding", "gzip"), ("retry-after", "7"), ("retry-after", "-1"), ("retry-after", "Sat, 01 Jan 2000"),
    ("retry-after", "9" * 400), ("retry-after", "\u0663"), ("location", "https://elsewhere.example/"),
)  # fmt: skip


class Material(NamedTuple):
    """What answers of one adapter are mutated with: members and values of its real answers, whole, and their names."""

    members: tuple[bytes, ...]
    values: tuple[bytes, ...]
    names: tuple[bytes, ...]


def material_of(bases: list[Base]) -> Material:
    """The material of these answers, with odd values of their format."""
    bodies = [(base.answer.body, span) for base in bases for span in base.spans if span.end - span.start < 2000]
    is_xml = any(base.answer.body.startswith(b"<") for base in bases[:1])
    return Material(
        _distinct(body[span.start : span.end] for body, span in bodies),
        _distinct(
            (*(body[span.value_start : span.value_end] for body, span in bodies), *(ODD_XML if is_xml else ODD_JSON))
        ),
        _distinct(body[span.name_start : span.name_end] for body, span in bodies) or (b"",),
    )


def _distinct(texts: Iterable[bytes]) -> tuple[bytes, ...]:
    return tuple(sorted({*texts}))


class Draft:
    """An answer while it is edited. `spans` are those of its members, empty once they have moved."""

    def __init__(self, base: Base, others: tuple[Base, ...], material: Material) -> None:
        self.status = base.answer.status
        self.headers = base.answer.headers
        self.body = base.answer.body
        self.spans = base.spans
        self.others = others
        self.material = material

    def put(self, start: int, end: int, piece: bytes) -> None:
        """Replaces these bytes by the piece."""
        self.body = self.body[:start] + piece + self.body[end:]
        # Members before the change stand where they stood; all others have moved.
        self.spans = tuple(span for span in self.spans if span.end <= start)

    def replace_member(self, where: int, write: Callable[[bytes, Span], tuple[int, int, bytes]]) -> None:
        """Has a member written in another way: `write` gives from where, to where, and what."""
        if self.spans:
            self.put(*write(self.body, self.spans[where % len(self.spans)]))


def mutated(base: Base, others: tuple[Base, ...], material: Material, edits: tuple[Edit, ...]) -> HttpResponse:
    """The answer with these edits. `others` are other real answers to the same request."""
    draft = Draft(base, others, material)
    for kind, where, what in edits:
        EDITS[kind % len(EDITS)](draft, where, what)
    return HttpResponse(draft.status, draft.headers, draft.body)


def _of(pieces: tuple[bytes, ...], what: int) -> bytes:
    return pieces[what % len(pieces)]


def _remove_member(draft: Draft, where: int, what: int) -> None:
    def write(body: bytes, span: Span) -> tuple[int, int, bytes]:
        after = span.end + (body[span.end : span.end + 1] in (b",", b"&"))
        before = span.start - (after == span.end and body[span.start - 1 : span.start] in (b",", b"&"))
        return before, after, b""

    draft.replace_member(where, write)


def _replace_value(draft: Draft, where: int, what: int) -> None:
    draft.replace_member(where, lambda body, span: (span.value_start, span.value_end, _of(draft.material.values, what)))


RETYPED: Final[tuple[Callable[[bytes], bytes], ...]] = (
    lambda value: b"[" + value + b"]",
    lambda value: b'{"value":' + value + b"}",
    lambda value: b'"' + value.strip(b'"') + b'"',
    lambda value: value.strip(b'"'),
    lambda value: b"",
    lambda value: b"<value>" + value + b"</value>",
    lambda value: b" " + value + b" ",
    lambda value: value + value,
    lambda value: value[:-1],
    lambda value: value.swapcase(),
    lambda value: value.replace(b'"', b'" ', 1),
)


def _retype_value(draft: Draft, where: int, what: int) -> None:
    def write(body: bytes, span: Span) -> tuple[int, int, bytes]:
        value = body[span.value_start : span.value_end]
        return span.value_start, span.value_end, RETYPED[what % len(RETYPED)](value)

    draft.replace_member(where, write)


def _rename_member(draft: Draft, where: int, what: int) -> None:
    def write(body: bytes, span: Span) -> tuple[int, int, bytes]:
        name = body[span.name_start : span.name_end]
        names = (name.swapcase(), name.replace(name[1:2], b"_", 1), name[:1] + b"x" + name[1:], *draft.material.names)
        return span.name_start, span.name_end, _of(names, what)

    draft.replace_member(where, write)


def _repeat_member(draft: Draft, where: int, what: int) -> None:
    """The member comes twice, the second time perhaps with another value."""

    def write(body: bytes, span: Span) -> tuple[int, int, bytes]:
        value = body[span.value_start : span.value_end] if what % 4 == 0 else _of(draft.material.values, what // 4)
        again = body[span.start : span.value_start] + value + body[span.value_end : span.end]
        return span.start, span.start, again + _separator(body)

    draft.replace_member(where, write)


def _add_member(draft: Draft, where: int, what: int) -> None:
    """A member of another answer stands before this one."""
    draft.replace_member(
        where, lambda body, span: (span.start, span.start, _of(draft.material.members, what) + _separator(body))
    )


def _separator(body: bytes) -> bytes:
    return b"," if body[:1] in (b"{", b"[") else b"" if body[:1] == b"<" else b"&"


def _nest_body(draft: Draft, where: int, what: int) -> None:
    wrap = ((b'{"data":', b"}"), (b"[", b"]"), (b"<a>", b"</a>"), (b'"', b'"'), (b"f(", b")"))[what % 5]
    draft.body, draft.spans = wrap[0] + draft.body + wrap[1], ()


def _take_values_of_another(draft: Draft, where: int, what: int) -> None:
    """A member as another real answer to this request has it."""
    other = draft.others[what % len(draft.others)]
    named = {
        other.answer.body[span.name_start : span.name_end]: other.answer.body[span.value_start : span.value_end]
        for span in other.spans
    }

    def write(body: bytes, span: Span) -> tuple[int, int, bytes]:
        value = named.get(body[span.name_start : span.name_end], b"")
        return span.value_start, span.value_end, value

    draft.replace_member(where, write)


def _take_status_of_another(draft: Draft, where: int, what: int) -> None:
    draft.status = draft.others[what % len(draft.others)].answer.status


def _take_headers_of_another(draft: Draft, where: int, what: int) -> None:
    draft.headers = draft.others[what % len(draft.others)].answer.headers


def _change_status(draft: Draft, where: int, what: int) -> None:
    draft.status = 200 + what % 400 if where % 4 == 0 else STATUSES[what % len(STATUSES)]


def _change_header(draft: Draft, where: int, what: int) -> None:
    headers = dict(draft.headers)
    if headers and where % 3 == 0:
        del headers[sorted(headers)[what % len(headers)]]
    elif headers and where % 3 == 1:
        headers[sorted(headers)[what % len(headers)]] = _of(draft.material.values, where).decode("latin-1").strip('"')
    else:
        name, value = HEADERS[what % len(HEADERS)]
        headers[name] = value
    draft.headers = headers


def _flip_byte(draft: Draft, where: int, what: int) -> None:
    if draft.body:
        at = where % len(draft.body)
        draft.put(at, at + 1, bytes([what % 256]))


def _cut_bytes(draft: Draft, where: int, what: int) -> None:
    at = where % (len(draft.body) + 1)
    draft.put(at, at + 1 + what % 16, b"")


def _cut_end(draft: Draft, where: int, what: int) -> None:
    draft.put(where % (len(draft.body) + 1), len(draft.body), b"")


def _repeat_bytes(draft: Draft, where: int, what: int) -> None:
    at = where % (len(draft.body) + 1)
    draft.put(at, at, draft.body[at : at + 1 + what % 64])


def _insert_value(draft: Draft, where: int, what: int) -> None:
    at = where % (len(draft.body) + 1)
    draft.put(at, at, _of(draft.material.values, what))


def _put_before(draft: Draft, where: int, what: int) -> None:
    draft.body, draft.spans = _of(BEFORE, what) + draft.body, ()


def _put_behind(draft: Draft, where: int, what: int) -> None:
    """Something behind the answer, or another answer."""
    behind = _of(BEFORE, what) if where % 2 else draft.others[what % len(draft.others)].answer.body
    draft.put(len(draft.body), len(draft.body), behind)


ENCODINGS: Final = ("utf-16", "utf-16-le", "utf-32", "utf-7", "cp037")


def _encode(draft: Draft, where: int, what: int) -> None:
    text = draft.body.decode("utf-8", "replace")
    draft.body, draft.spans = text.encode(ENCODINGS[what % len(ENCODINGS)], "replace"), ()


def _leave_nothing(draft: Draft, where: int, what: int) -> None:
    draft.body, draft.spans = (b"", b"{}", b"[]", b"null", b"<a/>", b"OK")[what % 6], ()


EDITS: Final[tuple[Callable[[Draft, int, int], None], ...]] = (
    # Members most of all: twice as often as bytes.
    _remove_member, _replace_value, _retype_value, _rename_member, _repeat_member, _add_member,
    _take_values_of_another, _remove_member, _replace_value, _retype_value, _repeat_member, _add_member,
    _take_values_of_another, _replace_value, _take_status_of_another, _take_headers_of_another, _change_status,
    _change_header, _flip_byte, _cut_bytes, _cut_end, _repeat_bytes, _insert_value, _put_before, _put_behind,
    _encode, _nest_body, _leave_nothing,
)  # fmt: skip
