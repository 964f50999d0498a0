"""The admin listener's handler: health, readiness and metrics, for whoever runs the gateway."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Protocol

import msgspec
from aiohttp import hdrs, web
from pydantic import SecretStr

from gateway.http.addresses import parse_address
from gateway.http.admin_connection import TIMEOUT_S
from gateway.http.check_queue import TooManyChecks
from gateway.http.credentials import NO_GRANT, Credentials, OperatorCredentials
from gateway.http.guesses import Guesses
from gateway.http.response import WalletResponse, response_start
from gateway.settings import TokenSettings
from gateway.telemetry.exposition import Exposition
from gateway.telemetry.metrics import ADMIN, Metrics


class Health(Protocol):
    """What the running gateway reports about itself. Each problem is one sentence without secrets."""

    def liveness_problems(self) -> list[str]:
        """Why this process should be restarted; empty while it is alive."""

    async def readiness_problems(self) -> list[str]:
        """Why no calls should be sent here now; empty while it is ready."""


class AdminHandler:
    """Answers `/healthz` and `/readyz` to everybody; every other page needs the bearer token, if one is configured.

    The token is sent as RFC 6750 section 2.1 says: `Authorization: Bearer …`. `metrics` counts what is refused;
    `exposition` writes the page, if it is not that of `metrics` alone.
    """

    def __init__(
        self, health: Health, metrics: Metrics, token: SecretStr | None, exposition: Exposition | None = None
    ) -> None:
        self._health = health
        self._recorded = metrics
        self._exposition = exposition or Exposition(metrics.registry, metrics.read_gauges)
        self._guesses = Guesses()
        self.use_token(token)
        self._pages: dict[str, Callable[[web.BaseRequest], Awaitable[WalletResponse]]] = {
            "/healthz": self._healthz,
            "/readyz": self._readyz,
            "/metrics": self._metrics,
        }

    def use_token(self, token: SecretStr | None) -> None:
        """From now on, this token is asked for; None: none is."""
        tokens = () if token is None else (TokenSettings(token=token),)
        holder = OperatorCredentials(ADMIN, path_only=True, credentials=(), tokens=tokens)
        self._credentials = None if token is None else Credentials([holder])

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answers one request: 200, or 503 with the problems; 401, 404 and 405 for a wrong request."""
        page = self._pages.get(request.path)
        is_open = page in (self._healthz, self._readyz)
        # The token comes before the 404, so that a stranger cannot find out which pages exist.
        if not is_open and (refusal := await self._refusal(request)) is not None:
            return refusal
        if page is None:
            return _json(404, {"error": "there is no such page", "pages": sorted(self._pages)})
        if request.method not in {hdrs.METH_GET, hdrs.METH_HEAD}:
            return _json(405, {"error": "use GET"}, "Allow: GET, HEAD")
        return await page(request)

    async def _healthz(self, _request: web.BaseRequest) -> WalletResponse:
        return _health_response("alive", self._health.liveness_problems())

    async def _readyz(self, _request: web.BaseRequest) -> WalletResponse:
        return _health_response("ready", await self._health.readiness_problems())

    async def _metrics(self, request: web.BaseRequest) -> WalletResponse:
        accept = ",".join(request.headers.getall(hdrs.ACCEPT, ()))
        accept_encoding = ",".join(request.headers.getall(hdrs.ACCEPT_ENCODING, ()))
        page = await self._exposition.page(accept, accept_encoding)
        headers = ["Vary: Accept, Accept-Encoding", *(["Content-Encoding: gzip"] if page.is_gzip else [])]
        return _response(200, page.content_type, page.body, *headers)

    async def _refusal(self, request: web.BaseRequest) -> WalletResponse | None:
        """What is answered without the token; None with it."""
        if self._credentials is None:
            return None
        header, source = request.headers.get(hdrs.AUTHORIZATION), str(parse_address(request.remote or ""))
        try:
            until = time.monotonic() + TIMEOUT_S
            grant = await self._guesses.check(self._credentials, header, source, until=until)
        except (TooManyChecks, TimeoutError):
            self._recorded.refused(ADMIN, "guessing")
            return _json(429, {"error": "too many wrong tokens came from your address; wait, then ask again"})
        if grant is not NO_GRANT:
            return None
        self._recorded.refused(ADMIN, "credentials")
        return _json(401, {"error": "send the bearer token"}, 'WWW-Authenticate: Bearer realm="admin"')


def _health_response(name: str, problems: list[str]) -> WalletResponse:
    return _json(503 if problems else 200, {name: not problems, "problems": problems})


def _json(status: int, content: Mapping[str, object], *headers: str) -> WalletResponse:
    return _response(status, "application/json", msgspec.json.encode(content), *headers)


def _response(status: int, content_type: str, body: bytes, *headers: str) -> WalletResponse:
    """Not aiohttp's own, which names its version and Python's."""
    start = response_start(HTTPStatus(status), content_type) + "".join(f"{header}\r\n" for header in headers)
    return WalletResponse(status, body, start=start)
