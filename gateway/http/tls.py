"""TLS of the listeners, between a socket and the connection that it carries.

The event loops' own TLS drops three things that a gateway needs, so this is written on `ssl.SSLObject`
(docs/decisions/056-tls-of-the-listeners.md): the alert that tells a client why its handshake failed, the failure
itself, and the answer to a client that has closed its sending side.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final, cast

from gateway.http.admission import Place
from gateway.http.http_connection import HttpServer
from gateway.http.refusals import address_of

READ_SIZE: Final = 256 * 1024

ALERT_LINGER_S: Final = 1.0
"""How long a client whose handshake failed may take to close the connection. A connection that is closed with unread
bytes is reset, and the alert on its way could be lost."""

_OUR_CHECK: Final = frozenset({"CERTIFICATE_VERIFY_FAILED", "PEER_DID_NOT_RETURN_A_CERTIFICATE"})
"""What OpenSSL calls a client certificate that it does not trust, or that is missing."""


class TlsConnection(asyncio.Protocol):
    """One TCP connection: it makes the handshake, and then carries the connection that `server` makes. It holds `place`
    from its accept on (`Listener`)."""

    def __init__(self, server: HttpServer, context: ssl.SSLContext, place: Place) -> None:
        self._server = server
        self._place = place
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._loop = asyncio.get_running_loop()
        self._inner: asyncio.Protocol | None = None
        self._is_over = False
        self._inner_has_ended = False
        self._inner_stays = False
        self._is_reading_paused = False
        self._is_writing_paused = False
        self._timer: asyncio.TimerHandle | None = None
        self._handshake = 0
        """How many bytes of it have come. OpenSSL holds a message until it is whole."""

    # Called by the loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.tcp = cast("asyncio.Transport", transport)
        self._address = address_of(transport.get_extra_info("peername"))
        self._timer = self._loop.call_later(self._server.limits.read_timeout_s, self._on_handshake_timeout)

    def data_received(self, data: bytes) -> None:
        # Whoever has closed its sending side may send no more, and nobody would read it.
        if self._is_over or self._inner_has_ended:
            return
        self._incoming.write(data)
        if self._inner is None:
            self._handshake += len(data)
            self._server.unfinished.note(self, self._handshake)
            if not self._is_over:  # it may have been dropped just now
                self._shake_hands()
        else:
            self._read()

    def eof_received(self) -> bool:
        if self._is_over:
            return False
        if self._inner is not None:
            return self._end_inner()
        # Whoever only looks whether the port is open (a load balancer) has not begun a handshake, and is not refused.
        if self._handshake:
            self._refuse("tls", "the client closed the connection within the handshake")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_over = True
        self._stop_timer()
        self._place.leave()
        self._server.unfinished.note(self, 0)
        if self._inner is not None:
            self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        if self._inner is not None:
            self._is_writing_paused = True
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        if self._inner is not None and self._is_writing_paused:
            self._is_writing_paused = False
            self._inner.resume_writing()

    # Called by the server.

    def drop_unfinished(self, problem: str) -> None:
        """Ends a connection whose handshake is not done."""
        self._refuse("unfinished", problem)
        self.abort()

    # Called by the inner connection, through its transport.

    def write(self, data: bytes) -> None:
        if self._is_over:
            return
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._tls.write(rest) :]
        except ssl.SSLError as error:
            self._break(error)
        else:
            self._flush()

    def close(self) -> None:
        """Closes in order: what was written is sent, then TLS's own end, then that of TCP."""
        if self._is_over:
            return
        self._is_over = True
        with suppress(ssl.SSLError):  # its own part is queued then, and the client's is not waited for
            self._tls.unwrap()
        self._flush()
        self.tcp.close()

    def abort(self) -> None:
        self._is_over = True
        self.tcp.abort()

    def is_closing(self) -> bool:
        return self._is_over or self.tcp.is_closing()

    def pause_reading(self) -> None:
        self._is_reading_paused = True
        self.tcp.pause_reading()

    def resume_reading(self) -> None:
        self._is_reading_paused = False
        self.tcp.resume_reading()
        self._loop.call_soon(self._read)  # what has been received, and was not decrypted while reading was paused

    def extra_info(self, name: str, default: Any) -> Any:
        match name:
            case "ssl_object":
                return self._tls
            case "sslcontext":
                return self._tls.context
            case "peercert":
                return self._tls.getpeercert()
            case _:
                return self.tcp.get_extra_info(name, default)

    # The work between them.

    def _shake_hands(self) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return
        except ssl.SSLError as error:
            self._on_handshake_failure(error)
            return
        self._flush()
        self._stop_timer()
        self._server.unfinished.note(self, 0)
        self._inner = self._server()
        self._inner.connection_made(TlsTransport(self))
        self._read()

    def _on_handshake_failure(self, error: ssl.SSLError) -> None:
        reason = "certificate" if error.reason in _OUR_CHECK else "tls"
        self._refuse(reason, _problem(error))
        self._stop_timer()
        self._is_over = True
        self._flush()  # the alert
        if self.tcp.is_closing():
            return
        self.tcp.write_eof()
        self._timer = self._loop.call_later(ALERT_LINGER_S, self.tcp.abort)

    def _on_handshake_timeout(self) -> None:
        self._refuse("slow", "the TLS handshake did not end in time")
        self.abort()

    def _read(self) -> None:
        """Hands on what has been decrypted."""
        inner = self._inner
        assert inner is not None
        while self._may_read():
            try:
                data = self._tls.read(READ_SIZE)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLError as error:
                self._break(error)
                return
            if not data:
                self._end_inner()
                break
            inner.data_received(data)
        if not self._is_over:
            self._flush()  # TLS may have to answer by itself, such as a change of keys

    def _may_read(self) -> bool:
        return not (self._is_over or self._is_reading_paused or self._inner_has_ended)

    def _end_inner(self) -> bool:
        """The client sends nothing more. Returns whether the connection stays open for a response."""
        assert self._inner is not None
        if not self._inner_has_ended:
            self._inner_has_ended = True
            self._inner_stays = bool(self._inner.eof_received())
            if not self._inner_stays:
                self.close()
        return self._inner_stays

    def _break(self, error: ssl.SSLError) -> None:
        """What came is not TLS, or was tampered with."""
        self._refuse("tls", _problem(error))
        self._flush()
        self.abort()

    def _flush(self) -> None:
        if self._outgoing.pending:
            self.tcp.write(self._outgoing.read())

    def _refuse(self, reason: str, problem: str) -> None:
        self._server.refusals.note(reason, self._address, problem)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class TlsTransport(asyncio.Transport):
    """What the inner connection writes to."""

    def __init__(self, tls: TlsConnection) -> None:
        super().__init__()
        self._tls = tls

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._tls.extra_info(name, default)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._tls.write(bytes(data))

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self._tls.write(b"".join(list_of_data))

    def get_write_buffer_size(self) -> int:
        return self._tls.tcp.get_write_buffer_size()

    def is_closing(self) -> bool:
        return self._tls.is_closing()

    def close(self) -> None:
        self._tls.close()

    def abort(self) -> None:
        self._tls.abort()

    def pause_reading(self) -> None:
        self._tls.pause_reading()

    def resume_reading(self) -> None:
        self._tls.resume_reading()


def _problem(error: ssl.SSLError) -> str:
    """What OpenSSL says: its own words, such as "unknown ca", and never what the client has sent."""
    detail = getattr(error, "verify_message", "")
    words = (error.reason or type(error).__name__).replace("_", " ").lower()
    return f"{words}: {detail}" if detail else words


def protocol_factory(server: HttpServer, context: ssl.SSLContext | None) -> Callable[[Place], asyncio.Protocol]:
    """Makes the connections of a listener, with TLS between if there is a context."""
    return server if context is None else lambda place: TlsConnection(server, context, place)
