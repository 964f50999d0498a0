"""The admin listener's connections. What is malformed or fails is answered with JSON too."""

from __future__ import annotations

from typing import Final

import msgspec

from gateway.http.admission import ConnectionLimits, Place
from gateway.http.http_connection import Handler, HttpConnection, HttpLimits, HttpServer
from gateway.http.refusals import Refusals
from gateway.http.response import WalletResponse
from gateway.settings import AdminSettings

TIMEOUT_S: Final = 10.0
"""How long a request may take to arrive, and how long a connection may be idle."""

LIMITS: Final = HttpLimits(
    max_header=8 * 1024, max_headers=128, max_head=16 * 1024, max_unfinished=2**20, read_timeout_s=TIMEOUT_S
)


class AdminServer(HttpServer):
    """Makes an `AdminConnection` of every socket that is accepted."""

    def __init__(self, handler: Handler, refusals: Refusals, settings: AdminSettings | None = None) -> None:
        most = (settings or AdminSettings()).max_connections
        super().__init__(handler, refusals, LIMITS, ConnectionLimits(most, None, AdminSettings.section))

    def __call__(self, place: Place | None = None) -> AdminConnection:
        return AdminConnection(self, place, keepalive_timeout=TIMEOUT_S)


class AdminConnection(HttpConnection):
    """One connection of whoever runs the gateway."""

    __slots__ = ()

    def bad_request(self, text: str) -> WalletResponse:
        return _error(400, text)

    def internal_error(self) -> WalletResponse:
        return _error(500, "an unexpected internal error occurred; the log says which")


def _error(status: int, text: str) -> WalletResponse:
    return WalletResponse(status, msgspec.json.encode({"error": text}), last=True)
