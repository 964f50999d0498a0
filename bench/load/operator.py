"""An operator that answers at once, in both protocols that are measured, with the members that the contract requires.

`python -m bench.load.operator` prints its port. `GET /answered` returns how many calls it has answered.
With `--hang` it takes every request and answers none.
"""

from __future__ import annotations

import argparse
import gc
import re
import select
import socket
from typing import Final

from bench.load.http import whole_length

_TRANSFER_ID: Final = re.compile(rb'"mmTransactionId": ?"([^"]*)"')
_REQUEST_UUID: Final = re.compile(rb'"request_uuid": ?"([^"]*)"')
_TOKEN: Final = re.compile(rb'"token": ?"([^"]*)"')
_HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
_BALANCE: Final = b'"balance": {"amount": 51800.00, "currencyCode": "XAG"}}'


class Operator:
    """Answers on its own port until the process ends."""

    def __init__(self, *, hangs: bool) -> None:
        self._hangs = hangs
        self._answered = 0
        self._epoll = select.epoll()
        self._peers: dict[int, socket.socket] = {}
        self._pieces: dict[int, bytes] = {}
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._listener.setblocking(False)  # noqa: FBT003 - the library's signature
        self._epoll.register(self._listener.fileno(), select.EPOLLIN)
        self.port: int = self._listener.getsockname()[1]

    def run(self) -> None:
        listening = self._listener.fileno()
        while True:
            for fd, _ in self._epoll.poll():
                if fd == listening:
                    self._accept()
                else:
                    self._serve(fd)

    def _accept(self) -> None:
        peer, _ = self._listener.accept()
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._peers[peer.fileno()] = peer
        self._epoll.register(peer.fileno(), select.EPOLLIN)

    def _serve(self, fd: int) -> None:
        peer = self._peers[fd]
        try:
            data = peer.recv(65536)
            if data and not self._hangs:
                self._answer(fd, peer, data)
        except ConnectionError:
            data = b""
        if not data:
            self._pieces.pop(fd, None)
            del self._peers[fd]
            peer.close()

    def _answer(self, fd: int, peer: socket.socket, data: bytes) -> None:
        if fd in self._pieces:
            data = self._pieces.pop(fd) + data
        length = whole_length(data)
        if length == 0 or len(data) < length:
            self._pieces[fd] = data
            return
        if data.startswith(b"GET"):
            body = b"%d" % self._answered
        else:
            self._answered += 1
            body = answer_to(data)
        peer.send(_HEAD + b"%d\r\n\r\n" % len(body) + body)


def answer_to(request: bytes) -> bytes:
    """The body of a yes."""
    if (found := _TRANSFER_ID.search(request)) is not None:
        return b'{"mmTransactionId": "' + found[1] + b'", ' + _BALANCE
    if (found := _REQUEST_UUID.search(request)) is not None:
        uuid = b'", "request_uuid": "' + found[1]
        return b'{"user": "player' + uuid + b'", "status": "RS_OK", "currency": "XAG", "balance": 5180000000}'
    if b"verifySession" in request and (found := _TOKEN.search(request)) is not None:
        return b'{"token": "' + found[1] + b'", "playerId": "player", ' + _BALANCE
    return b"{" + _BALANCE


def main() -> None:
    """Answers until it is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hang", action="store_true")
    operator = Operator(hangs=parser.parse_args().hang)
    gc.freeze()
    print(operator.port, flush=True)  # noqa: T201 - whoever started it reads the port
    operator.run()


if __name__ == "__main__":
    main()
