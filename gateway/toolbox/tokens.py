"""Access tokens that expire: fetched once for all calls that wait, kept until shortly before their end.

A fetch belongs to no call: the call that started it may end first, and others go on waiting. So it runs in a task of
its own, and what it sends does not count as sent by any of them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from decimal import Decimal
from functools import partial
from typing import Any, Final
from urllib.parse import quote_plus

import msgspec

from gateway.bounded import BoundedMap
from gateway.operators.adapter import Http
from gateway.operators.errors import Unclear, Unsent
from gateway.operators.exact_json import decode_members
from gateway.operators.http_client.wire_use import CURRENT_USE, note_secret
from gateway.toolbox.forms import encode_form
from gateway.toolbox.http import basic_auth, http_error

OK: Final = 200
MARGIN_S: Final = 30.0
"""How long before its end a token is renewed, so that it does not expire on its way."""

LONGEST_S: Final = 10**9
"""No token lives longer: an answer may give a number that a float cannot hold."""


LONGEST_LIFE_S: Final = 3600.0
"""For how long a token is used whose life the operator does not tell, or tells longer: one that was withdrawn
meanwhile, by an operator whose refusal the adapter does not recognise, must not be used for ever."""


class Token(msgspec.Struct, frozen=True):
    """An access token. `lives_s` is for how many seconds from now, None if it does not expire."""

    text: str
    lives_s: float | None

    def __repr__(self) -> str:
        return f"Token(lives_s={self.lives_s!r})"  # secrets must not reach a log


class ExpiringTokens:
    """The tokens of one adapter instance, by a key of its own choice (a player's session, say). For one event loop.

    `fetch` asks the operator for the token of a key. `margin_s` is how long before its end a token is renewed; one
    that lives for less than twice as long is used for half its life.
    """

    def __init__(
        self,
        fetch: Callable[[str], Awaitable[Token]],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        capacity: int = 10_000,
        margin_s: float = MARGIN_S,
    ) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._margin_s = margin_s
        self._known: BoundedMap[str, _Known] = BoundedMap(capacity)
        self._fetches: dict[str, asyncio.Task[str]] = {}

    async def get(self, key: str = "") -> str:
        """The token, fetched if there is none that lives long enough. All who wait share one fetch, and its failure;
        the next call fetches again.

        Raises `Unsent` if the fetch was unclear, since the request that needs the token was not sent. Whatever else
        `fetch` raises goes to the caller as it is, `Declined` too: raise that only where it is the answer to the call.
        """
        return note_secret(await self._get(key))

    def drop(self, key: str, text: str) -> None:
        """The operator has refused this token. A newer one of the same key stays."""
        known = self._known.get(key)
        if known is not None and known.text == text:
            del self._known[key]

    async def _get(self, key: str) -> str:
        known = self._known.get(key)
        if known is not None and self._monotonic() < known.renew_at:
            return known.text
        fetch = self._fetches.get(key) or self._start_fetch(key)
        try:
            # Shielded: a caller that is cancelled does not take the token from the others.
            return await asyncio.shield(fetch)
        except Unclear as error:
            raise Unsent(f"there is no access token: {error.text}") from None

    def _start_fetch(self, key: str) -> asyncio.Task[str]:
        # Without the caller's WireUse: that would refuse to write as soon as this caller has ended, and would count the
        # fetch as a request that may have moved this caller's money.
        context = copy_context()
        context.run(CURRENT_USE.set, None)
        fetch = asyncio.get_running_loop().create_task(self._fetch_and_keep(key), context=context)
        self._fetches[key] = fetch
        fetch.add_done_callback(partial(self._on_fetched, key))
        return fetch

    def _on_fetched(self, key: str, fetch: asyncio.Task[str]) -> None:
        # Here and not in the task: one that is cancelled before its first step would leave its entry, and nobody would
        # get a token again.
        del self._fetches[key]
        # If every caller was cancelled, nobody else does, and asyncio would report a lost exception.
        if not fetch.cancelled():
            fetch.exception()

    async def _fetch_and_keep(self, key: str) -> str:
        asked_at = self._monotonic()
        token = await self._fetch(key)
        self._known.put(key, _Known(token.text, asked_at + self._useful_s(token.lives_s)))
        return token.text

    def _useful_s(self, lives_s: float | None) -> float:
        lives_s = LONGEST_LIFE_S if lives_s is None else min(lives_s, LONGEST_LIFE_S)
        return max(lives_s - self._margin_s, lives_s / 2)


class _Known(msgspec.Struct, frozen=True):
    text: str
    renew_at: float

    def __repr__(self) -> str:
        return f"_Known(renew_at={self.renew_at!r})"


async def client_credentials(http: Http, url: str, client_id: str, client_secret: str, scope: str = "") -> Token:
    """An access token for the client itself (OAuth 2.0, RFC 6749, 4.4), the credentials in the header (2.3.1).

    Raises `Unclear` for every answer but HTTP 200 with a bearer token; its text shows nothing of such an answer.
    """
    headers = {
        "Authorization": basic_auth(quote_plus(client_id), quote_plus(client_secret)),
        "Content-Type": "application/x-www-form-urlencoded",
        "Accept": "application/json",
    }
    form = [("grant_type", "client_credentials"), *([("scope", scope)] if scope else [])]
    response = await http.post(url, encode_form(form), headers)
    if response.status != OK:
        raise http_error(response)
    return _token_of(decode_members(response.body, {"access_token", "token_type"}))


def _token_of(answer: dict[str, Any]) -> Token:
    text, kind = answer.get("access_token"), answer.get("token_type")
    # RFC 6749, A.12: visible ASCII and spaces; anything else could not stand in a header.
    if not isinstance(text, str) or not text or not text.isascii() or not text.isprintable():
        raise Unclear("the answer has no access token")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise Unclear("the access token is not a bearer token")
    return Token(text, _seconds(answer.get("expires_in")))


def _seconds(value: object) -> float | None:
    """A lifetime, None if the answer has none that can be read."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:9])
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    return float(min(max(value, 0), LONGEST_S))
