"""One operator's HTTP/1.1 client: each request is written at most once, and it is known whether it was.

`Unsent` is raised only where no byte of the request was handed to a transport; everything after that moment is
`Unclear`. Nothing is ever repeated, redirected or retried: after a write, only the journal's rules may send again
(docs/decisions/030-http-client.md).
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
import time
from collections.abc import Callable
from functools import lru_cache, partial
from math import inf
from typing import Final
from uuid import uuid4

from gateway.deadlines import Deadlines
from gateway.operators.adapter import Headers, Http, HttpResponse
from gateway.operators.errors import Unsent
from gateway.operators.http_client.connection import OperatorConnection
from gateway.operators.http_client.dns_cache import DnsCache
from gateway.operators.http_client.happy_eyeballs import first_to_connect
from gateway.operators.http_client.pool import ConnectionPool
from gateway.operators.http_client.request import Origin, request_of, target_of
from gateway.operators.http_client.wire_use import note_answer

_NO_DESCRIPTORS: Final = frozenset({errno.EMFILE, errno.ENFILE})

GOLDEN_RATIO: Final = 0.6180339887
"""Its multiples, less their whole parts, are spread evenly, however many there are (Knuth, TAOCP 3, section 6.4)."""


class HttpClient(Http):
    """An operator's client on sockets.

    `timeout_s` bounds a whole call, `connect_timeout_s` within it the way to a connection (name, TCP, TLS).
    `idle_s` is how long a connection is kept for the next call, 0 for not at all, and `max_age_s` how long it is used
    at all, so that an operator that moves is followed. `tls` is used for https URLs. A
    response's body may have `max_answer` bytes. `clock` gives the time of a try in Unix seconds.
    """

    def __init__(
        self,
        *,
        timeout_s: float,
        connect_timeout_s: float,
        idle_s: float,
        max_age_s: float = inf,
        max_answer: int,
        tls: ssl.SSLContext,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._timeout_s = timeout_s
        self._connect_timeout_s = min(connect_timeout_s, timeout_s)
        self._idle_s = idle_s
        self._max_age_s = max_age_s
        self._made = 0
        self._max_answer = max_answer
        self._tls = tls
        self._clock = clock
        self._pool = ConnectionPool()
        self._deadlines: Deadlines[OperatorConnection] = Deadlines(self._give_up)
        self._resolver = DnsCache()
        self._target = lru_cache(maxsize=1024)(target_of)
        self._closed = False

    def now(self) -> float:
        return self._clock()

    def nonce(self) -> str:
        return uuid4().hex

    async def request(self, method: str, url: str, *, headers: Headers = (), body: bytes | None = None) -> HttpResponse:
        if self._closed:
            raise Unsent("the operator's client is closed")
        target = self._target(method, url)
        request = request_of(target.head, headers, body)
        loop = asyncio.get_running_loop()
        started_at = loop.time()
        connection = self._pool.take(target.origin, started_at) or await self._connect(target.origin)
        self._deadlines.set(connection, started_at + self._timeout_s, loop)
        try:
            answer = await connection.exchange(request, loop)
        finally:
            self._deadlines.drop(connection)
        note_answer(answer)
        self._pool.give(connection, loop, connection.reusable_for_s(answer, self._idle_s))
        return answer

    def renew_connections(self, tls: ssl.SSLContext) -> None:
        """Looks names up again, and makes new connections by this context, for every call from now on. Calls under way
        are not disturbed."""
        self._tls = tls
        self._resolver.forget()
        self._pool.renew()

    async def close(self) -> None:
        """Closes every connection. Later calls are `Unsent`; one under way is `Unclear`."""
        self._closed = True
        self._resolver.close()
        await self._pool.close()
        self._deadlines.close()

    def _give_up(self, connection: OperatorConnection) -> None:
        connection.give_up(f"the operator did not answer in time ({self._timeout_s:g} s: timeout)")

    async def _connect(self, origin: Origin) -> OperatorConnection:
        """A new connection within the time for it. Raises `Unsent`."""
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                connection = await self._connect_to_any(origin)
        except TimeoutError:
            limit = f"{self._connect_timeout_s:g} s: connections.connect_timeout"
            raise Unsent(f"no connection to the operator in time ({limit})") from None
        except Exception as error:
            raise Unsent(_connect_failure(error)) from error
        if self._closed or not connection.usable():
            connection.abort()
            raise Unsent("the connection was closed before anything was sent")
        connection.too_old_at = asyncio.get_running_loop().time() + self._age_s()
        return connection

    def _age_s(self) -> float:
        """How long the next connection is used: up to a tenth less than `max_age_s`, each another share of it. Those
        of a burst would otherwise all be replaced in the same moment."""
        self._made += 1
        return self._max_age_s * (1 - 0.1 * (self._made * GOLDEN_RATIO % 1))

    async def _connect_to_any(self, origin: Origin) -> OperatorConnection:
        """The first of the origin's addresses that accepts. Raises what the last one raised."""
        addresses = await self._resolver.addresses(origin)
        if len(addresses) == 1:
            return await self._connect_to(addresses[0], origin)
        attempts = [partial(self._connect_to, address, origin) for address in addresses]
        return await first_to_connect(attempts, self._connect_timeout_s)

    async def _connect_to(self, address: str, origin: Origin) -> OperatorConnection:
        loop = asyncio.get_running_loop()
        connection = OperatorConnection(self._max_answer, self._pool.forget)
        self._pool.add(connection, origin)
        try:
            await loop.create_connection(
                lambda: connection,
                address,
                origin.port,
                ssl=self._tls if origin.tls else None,
                server_hostname=origin.host if origin.tls else None,
            )
        except BaseException:
            connection.abort()
            self._pool.forget(connection)
            raise
        return connection


def _connect_failure(error: Exception) -> str:
    """Why there is no connection, without addresses or other details of this machine."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the operator's certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS with the operator failed ({error.reason or type(error).__name__})"
    if isinstance(error, socket.gaierror):
        return "the operator's host name was not found"
    if isinstance(error, OSError) and error.errno in _NO_DESCRIPTORS:
        return "the gateway has no free file descriptor for a connection (the limit is that of `ulimit -n`)"
    return f"the operator could not be connected to ({type(error).__name__})"
