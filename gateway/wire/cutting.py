"""Cuts a JSON object while it arrives: what is needed of it is kept, and of a long value only its beginning.

The body of a rollback may have megabytes, because of its reason. Only what is kept of it is held, and each step's work
has a bound, whatever is nested in it (docs/decisions/131-bodies-are-cut-while-they-arrive.md).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import jiter
import msgspec

from gateway.reasons import TEXT_LIMIT
from gateway.wire.fields import TOKEN_LIMIT
from gateway.wire.members import named_by_mark

PIECE: Final = 1024
"""Bytes that are fed at a time. They hold at most as many brackets, quotes and commas."""

NEEDED: Final[Mapping[str, int]] = {"token": TOKEN_LIMIT, "mmTransactionId": TOKEN_LIMIT, "amount": TOKEN_LIMIT}
INFORMS: Final[Mapping[str, int]] = {"txDescription": TEXT_LIMIT, "rollbackReason": TEXT_LIMIT}
"""The members that are kept, each with the characters of a text that are: more than any reader of it takes."""

_LONGEST_ESCAPE: Final = len(r"\ud83d\ude00")
_MORE: Final = 2
"""Characters over the limit, so that whoever applies it sees that the text was longer, also after a cut escape."""
_PART_LIMIT: Final = (TEXT_LIMIT + _MORE) * _LONGEST_ESCAPE + 1024
"""Bytes of a member, with its name, that are held."""

_IN_STRING: Final = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_TOKEN: Final = re.compile(rb'"' + _IN_STRING.pattern + rb'"|["{}\[\],]', re.DOTALL)
_NAME: Final = re.compile(rb'\s*+(?P<name>"' + _IN_STRING.pattern + rb'")\s*+:\s*+', re.DOTALL)
_WHOLE_CHARACTERS: Final = re.compile(
    rb'"(?:[^"\\]++|\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u(?![dD][89abAB])[0-9a-fA-F]{4}|\\[^u])*+', re.DOTALL
)
"""A string up to where an escape, or a pair of them, is cut in two."""
_CUT_CHARACTER: Final = re.compile(rb"[\xc0-\xff][\x80-\xbf]{0,2}\Z")
_MANY_SPACES: Final = 64
_STEPS_OF_PIECE: Final = 16
_STEPS_OF_PART: Final = 16
_DEPTH: Final = {b"{": 1, b"[": 1, b"}": -1, b"]": -1}


class BodyCutter:
    """Is fed the pieces of a body in order; `finish` returns an object with the members that are needed.

    It is read as the whole body would be, but that of each text only a beginning is there, and that of any other value
    over `TEXT_LIMIT` bytes its beginning is there as a text. Where a name of `NEEDED` comes more than twice, two of
    them are kept; of those that inform, the last. Other members are left out.

    `steps` grows with the work that was done: with each text, bracket, comma, member and piece.

    Both methods raise `ValueError` where the outermost level is not that of an object, as `members` does.
    """

    def __init__(self) -> None:
        self.steps = 0
        self._depth = 0
        self._in_string = False
        self._escaped = False
        self._is_over = False
        self._part = bytearray()
        self._part_size = 0
        self._parts = 0
        self._kept: dict[str, list[bytes]] = {}

    def feed(self, piece: bytes) -> None:
        """Takes the next piece. Its cost is linear in the piece's size."""
        self.steps += _STEPS_OF_PIECE
        at = 0
        if self._depth == 0 and not self._is_over:
            at = self._begin(piece)
        elif self._in_string:
            at = self._skip_string(piece, 0)
        if self._is_over:
            _require_spaces(piece[at:])
        elif at < len(piece):
            self._scan(piece, at)

    def finish(self) -> bytes:
        """The object that is left once all pieces were fed."""
        if not self._is_over:
            raise ValueError("the body is not a complete JSON object")
        members = [b'"%s":%s' % (name.encode(), value) for name, values in self._kept.items() for value in values]
        return b"{%s}" % b",".join(members)

    def _begin(self, piece: bytes) -> int:
        text = piece.lstrip()
        if text and not text.startswith(b"{"):
            mark = named_by_mark(text)
            raise ValueError(
                "the body is not a complete JSON object"
                if mark is None
                else f"it begins with a byte order mark ({mark})"
            )
        self._depth = 1 if text else 0
        return len(piece) - len(text) + 1 if text else len(piece)

    def _skip_string(self, piece: bytes, at: int) -> int:
        """Up to behind the end of the text that has begun, or to that of the piece."""
        match = _IN_STRING.match(piece, at + self._escaped)
        assert match is not None
        end = match.end()
        # What follows a backslash at the very end is in the next piece.
        self._escaped = piece[end : end + 1] == b"\\"
        self._in_string = end == len(piece) or self._escaped
        end = min(end + 1, len(piece))
        self._keep(piece[at:end])
        return end

    def _scan(self, piece: bytes, at: int) -> None:
        """The rest of the piece, which begins outside of a text."""
        if self._is_deep(piece, at):
            self._keep(piece[at:])
            return
        for token in _TOKEN.finditer(piece, at):
            kind = token[0]
            self.steps += 1
            if kind == b'"':  # its end is in a later piece
                self._keep(piece[at : token.end()])
                self._skip_string(piece, token.end())
                return
            self._depth += _DEPTH.get(kind, 0)
            if self._depth == 0 or (self._depth == 1 and kind == b","):
                self._keep(piece[at : token.start()])
                at = token.end()
                self._end_part(kind)
            if self._depth == 0:
                self._is_over = True
                _require_spaces(piece[at:])
                return
        rest = piece[at:]
        # Spaces between members mean nothing: megabytes of them must not be taken for one.
        self._keep(b" " if self._depth == 1 and len(rest) >= _MANY_SPACES and rest.isspace() else rest)

    def _is_deep(self, piece: bytes, at: int) -> bool:
        """Whether the rest of the piece has no text and cannot reach the end of its member. It is counted as a whole
        then: megabytes of brackets would take seconds one by one."""
        if piece.find(b'"', at) >= 0:
            return False
        ends = piece.count(b"]", at) + piece.count(b"}", at)
        if self._depth - ends <= 1:
            return False
        self._depth += piece.count(b"[", at) + piece.count(b"{", at) - ends
        return True

    def _keep(self, text: bytes) -> None:
        if not self._part:
            text = text.lstrip()
        self._part_size += len(text)
        self._part += text[: _PART_LIMIT - len(self._part)]

    def _end_part(self, mark: bytes) -> None:
        """A member is complete; `mark` is the comma or the bracket behind it."""
        part, is_whole = bytes(self._part), len(self._part) == self._part_size
        self._part.clear()
        self._part_size = 0
        self._parts += 1
        self.steps += _STEPS_OF_PART
        if mark == b"]":
            raise ValueError("the body closes a bracket that was not opened")
        if mark == b"}" and self._parts == 1 and not part:
            return
        found = _NAME.match(part)
        if found is not None:
            self._take(found["name"], part[found.end() :].rstrip(), is_whole=is_whole)
        elif is_whole:
            raise ValueError("the body contains a member without a name")

    def _take(self, raw_name: bytes, value: bytes, *, is_whole: bool) -> None:
        try:
            name = jiter.from_json(raw_name)
        except ValueError:  # not a needed one
            return
        if name in NEEDED:
            values = self._kept.setdefault(name, [])
            if len(values) < 2:  # noqa: PLR2004 - a second one is why the call is refused
                values.append(_shorten(value, NEEDED[name], is_whole=is_whole))
        elif name in INFORMS:
            self._kept[name] = [_shorten(value, INFORMS[name], is_whole=is_whole)]


def _require_spaces(rest: bytes) -> None:
    if rest.strip():
        raise ValueError("the body is not a complete JSON object")


def _shorten(value: bytes, characters: int, *, is_whole: bool) -> bytes:
    """A value as it is, if it is short enough; of a text its beginning; of any other its beginning as a text."""
    longest = (characters + _MORE) * _LONGEST_ESCAPE
    if value.startswith(b'"'):
        if is_whole and len(value) <= longest:
            return value
        begun = _WHOLE_CHARACTERS.match(value, 0, longest)
        if begun is not None and begun.end() > longest - _LONGEST_ESCAPE:
            return _CUT_CHARACTER.sub(b"", begun[0]) + b'"'
    elif is_whole and len(value) <= TEXT_LIMIT:
        return value
    text = value[:longest].decode("utf-8", "replace")[: characters + _MORE]
    return msgspec.json.encode(text)
