"""What an HTTP status proves that is none of the operator's own protocol."""

from __future__ import annotations

from typing import Final

from gateway.operators.adapter import Answer
from gateway.operators.errors import Unclear, Unmapped
from gateway.operators.texts import excerpt_of

_CLIENT_ERRORS: Final = range(400, 500)
_CANNOT_KEEP_UP: Final = frozenset({408, 429})


def http_error(answer: Answer) -> Unclear:
    """The error to raise for such a status, with an excerpt of what was said. It never proves that nothing was booked.

    4xx is `Unmapped`, since who refuses a request is alive. 408 and 429 say that the operator cannot keep up: they
    count as every other status, as no answer.
    """
    said = excerpt_of(answer.body)
    text = f"HTTP {answer.status}: {said}" if said else f"HTTP {answer.status}"
    if answer.status in _CLIENT_ERRORS and answer.status not in _CANNOT_KEEP_UP:
        return Unmapped(text)
    return Unclear(text)
