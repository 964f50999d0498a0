"""One request of the game, as far as it has arrived."""

from __future__ import annotations

import asyncio
from typing import Protocol

from gateway.http.addresses import Address, address


class TooSlow(Exception):
    """The request did not arrive in time."""


class CutOff(Exception):
    """The body is malformed, or the client left before it was whole."""


class Client(Protocol):
    """What a request asks of the connection that it came on."""

    def send(self, data: bytes, *, last: bool) -> None:
        """The whole answer to the request at hand; after the last one the connection is closed."""

    def hang_up(self) -> None:
        """Ends the connection without an answer."""

    def read_up_to(self, size: int) -> None:
        """More of the body may come, up to so many bytes in all."""

    def invite(self) -> None:
        """The client may send the body that it waits to send."""


class Request:
    """Header names are in lower case; of a header that came several times the values are joined with commas.

    `begun` is the loop's time at which it was taken up, `task` answers it. `operator` and `call` are filled in for
    the metrics once they are known; `answered` is set once an answer is on its way, whoever gave it.
    """

    __slots__ = (
        "_arriving", "_failure", "answered", "begun", "body_length", "call", "client", "complete", "headers", "is_1_1",
        "keep_alive", "method", "operator", "peer", "pieces", "target", "task", "who",
    )  # fmt: skip

    def __init__(self, client: Client, peer: str) -> None:
        self.client = client
        self.peer = peer
        self.method = ""
        self.target = ""
        self.is_1_1 = True
        self.keep_alive = False
        self.headers: dict[bytes, bytes] = {}
        self.pieces: list[bytes] = []
        self.body_length = 0
        self.complete = False
        self._arriving: asyncio.Future[None] | None = None
        self._failure: TooSlow | CutOff | None = None
        self.begun = 0.0
        self.who: Address | None = None
        self.operator = ""
        self.call = ""
        self.answered = False
        self.task: asyncio.Task[None] | None = None

    def header(self, name: bytes) -> str | None:
        """A header's value; what is no UTF-8 in it stands as surrogates."""
        value = self.headers.get(name)
        return None if value is None else value.decode("utf-8", "surrogateescape")

    @property
    def peer_address(self) -> Address | None:
        """Who is connected."""
        return address(self.peer)

    @property
    def told_length(self) -> int:
        """How many bytes of body the head announces, as far as it does."""
        return int(self.headers.get(b"content-length", b"0"))

    def body(self) -> bytes:
        """What has arrived of the body."""
        return self.pieces[0] if len(self.pieces) == 1 else b"".join(self.pieces)

    async def arrive(self, size: int) -> None:
        """Returns once the body is whole, or longer than `size`. Raises `TooSlow` or `CutOff`."""
        if self._failure is not None:
            raise self._failure
        if self.complete or self.body_length > size:
            return
        self._arriving = asyncio.get_running_loop().create_future()
        self.client.read_up_to(size)
        await self._arriving

    def arrived(self) -> None:
        """Wakes whoever waits for the body."""
        if self._arriving is not None and not self._arriving.done():
            self._arriving.set_result(None)

    def fail(self, error: TooSlow | CutOff) -> None:
        """The rest of the body will not come."""
        self._failure = error
        if self._arriving is not None and not self._arriving.done():
            self._arriving.set_exception(error)
