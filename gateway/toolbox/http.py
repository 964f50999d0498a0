"""Small tools for the authors of adapters: credentials, addresses, and what an HTTP status proves."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import msgspec
from pydantic import AfterValidator

from gateway.operators.adapter import HttpResponse
from gateway.operators.errors import RetryLater, Unclear, Unmapped, Unsent
from gateway.operators.exact_json import decode_members
from gateway.operators.http_client.request import target_of
from gateway.operators.safe_text import excerpt_of

_CLIENT_ERRORS: Final = range(400, 500)
_CANNOT_KEEP_UP: Final = frozenset({408, 429})
_NAME_A_TIME: Final = frozenset({429, 503})
_LONGEST_LABEL: Final = 63
"""Characters between two dots of a host's name (RFC 1035, 2.3.4)."""
_SECONDS: Final = re.compile(r"[0-9]{1,9}", re.ASCII)


def basic_auth(username: str, password: str) -> str:
    """The value of an `Authorization` header: ``Basic Sm9obkRvZTpNeVBhc3M=`` for ``JohnDoe`` and ``MyPass``."""
    return "Basic " + b64encode(f"{username}:{password}".encode()).decode("ascii")


def http_error(answer: HttpResponse) -> Unclear:
    """The error to raise for such a status, with an excerpt of the body. It never proves that nothing was booked.

    4xx is `Unmapped`, since who refuses a request is alive. 408 and 429 say that the operator cannot keep up: they
    count as every other status, as no answer. Where 429 or 503 names a time (Retry-After), that is kept.
    """
    excerpt = excerpt_of(answer.body)
    text = f"HTTP {answer.status}: {excerpt}" if excerpt else f"HTTP {answer.status}"
    if answer.status in _CLIENT_ERRORS and answer.status not in _CANNOT_KEEP_UP:
        return Unmapped(text)
    after_s = _retry_after_s(answer)
    return Unclear(text) if after_s is None else RetryLater(text, after_s)


def answer_members(answer: HttpResponse, needed: Collection[str]) -> dict[str, Any]:
    """The members of a JSON object that is the answer's body (`decode_members`). Raises `Unclear`, with an excerpt of
    what came instead."""
    try:
        return decode_members(answer.body, needed)
    except Unclear as error:
        raise Unclear(f"{error.text}: {excerpt_of(answer.body)}" if answer.body else "the answer is empty") from None


def excerpt_of_members(members: Mapping[str, Any]) -> str:
    """The beginning of an answer's members, as `excerpt_of` gives it of a body: for the text of an error."""
    # Not `encode`, which refuses a number with thousands of digits: whatever came must be told.
    return excerpt_of(msgspec.json.encode(members))


def _retry_after_s(answer: HttpResponse) -> float | None:
    value = answer.headers.get("retry-after", "").strip(" \t")
    if answer.status not in _NAME_A_TIME or not value:
        return None
    if _SECONDS.fullmatch(value):
        return float(value)
    # A date (RFC 9110, 10.2.3) is one of the operator's clock, and so is that of its answer: ours may be another.
    until, sent = _http_date(value), _http_date(answer.headers.get("date", ""))
    return None if until is None or sent is None else max(0.0, (until - sent).total_seconds())


def _http_date(text: str) -> datetime | None:
    """A date in one of the three forms of RFC 9110, section 5.6.7; None if it is none."""
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date


def _require_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("is not an http or https address; write it like https://wallet.example/wallet/")
    if parts.username is not None:
        raise ValueError("holds credentials; they have settings of their own")
    try:
        target_of("GET", url)
    except Unsent as error:  # found now, and not by the first player
        raise ValueError(f"cannot be called: {error.text}") from None
    if parts.port == 0 or not all(0 < len(label) <= _LONGEST_LABEL for label in parts.hostname.rstrip(".").split(".")):
        raise ValueError("names no host and port that can be reached; write it like https://wallet.example/wallet/")
    return url


def _require_last_slash(url: str) -> str:
    if not url.endswith("/"):
        raise ValueError("is everything before the endpoint's name, so it must end with a slash")
    return url


Url = Annotated[str, AfterValidator(_require_url)]
"""A setting: the one address to which all calls go: ``https://wallet.example/callback.php``."""

BaseUrl = Annotated[Url, AfterValidator(_require_last_slash)]
"""Everything before an endpoint's name: ``https://wallet.example/wallet/``. An endpoint's URL is `base_url + name`."""
