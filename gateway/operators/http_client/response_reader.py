"""Reads an operator's response from bytes as they arrive, within limits. It does no I/O."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from gateway.header_fields import members
from gateway.operators.adapter import HttpResponse
from gateway.operators.errors import Unclear

HEAD_LIMIT: Final = 32 * 1024
"""Bytes of a head, of trailers, or between two pieces of a body: what an operator may send that is not body."""

_FIRST_FINAL: Final = 200
_SWITCHING_PROTOCOLS: Final = 101


@lru_cache(maxsize=256)
def _lower(name: bytes) -> str:
    return name.decode("latin-1").lower()


class ResponseReader:
    """Reads one answer after another from one connection: `begin`, then `feed` until it returns the answer.

    A body of up to `body_limit` bytes is kept; a longer one, a head over `HEAD_LIMIT`, or what is not HTTP, raises
    `Unclear`. After an exception the connection must not be used again.
    """

    def __init__(self, body_limit: int) -> None:
        self._body_limit = body_limit
        self._parser = HttpResponseParser(self)
        self.begin()

    def begin(self) -> None:
        """The next byte belongs to a new answer."""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._body_size = 0
        self._head_size = 0
        self._not_body = 0
        self._status = 0
        self._complete = False
        self.reusable = False

    def feed(self, data: bytes) -> HttpResponse | None:
        """The answer once it is whole, None until then. Raises `Unclear`.

        Bytes beyond the answer do not change it, but the connection is no longer `reusable`.
        """
        self._not_body += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            self.reusable = False
            if not self._complete:
                raise _cause_of(error) from None
        if self._complete:
            return self._answer()
        if self._not_body > HEAD_LIMIT:
            raise _too_long()
        return None

    def end(self) -> HttpResponse:
        """The operator has closed the connection: the answer, if that is how this one ends. Raises `Unclear`."""
        if not self._status:
            raise Unclear("the operator closed the connection without an answer")
        if "content-length" in self._headers or "transfer-encoding" in self._headers:
            raise Unclear("the operator's answer was cut off")
        return self._answer()

    def _answer(self) -> HttpResponse:
        coding = self._headers.get("content-encoding")
        if coding is not None and set(members(coding)) - {"identity"}:
            raise Unclear("the operator's answer is compressed, which was not asked for")
        body = self._body
        return HttpResponse(self._status, self._headers, body[0] if len(body) == 1 else b"".join(body))

    # Called by the parser.

    def on_message_begin(self) -> None:
        if self._complete:
            raise Unclear("the operator answered twice")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_size += len(name) + len(value)
        if self._head_size > HEAD_LIMIT:
            raise _too_long()
        key, text = _lower(name), value.decode("latin-1").rstrip(" \t")
        known = self._headers.get(key)
        self._headers[key] = text if known is None else f"{known}, {text}"

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status == _SWITCHING_PROTOCOLS:
            raise Unclear("the operator wants to switch protocols")
        if status < _FIRST_FINAL:
            self._headers = {}
            return
        self._status = status
        self._not_body = 0

    def on_body(self, data: bytes) -> None:
        self._not_body = 0
        self._body_size += len(data)
        if self._body_size > self._body_limit:
            raise Unclear(f"the operator's answer is longer than {self._body_limit} bytes (max_answer)")
        self._body.append(data)

    def on_message_complete(self) -> None:
        if self._status:
            self._complete = True
            self.reusable = self._parser.should_keep_alive()


def _cause_of(error: Exception) -> Unclear:
    """What a callback raised, or what the parser did not understand; never the bytes themselves."""
    if isinstance(error.__context__, Unclear):
        return error.__context__
    return Unclear("the operator's answer is not HTTP")


def _too_long() -> Unclear:
    return Unclear(f"the head of the operator's answer is longer than {HEAD_LIMIT} bytes")
