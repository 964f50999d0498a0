"""What an operator calls at the gateway: it launches the game, asks how a transfer has ended, and tells of payments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final

import aiohttp
import msgspec

from gateway.records import Direction
from gateway.toolbox import basic_auth

QUERIES: Final[Mapping[Direction, str]] = {Direction.WITHDRAW: "queryWithdrawal", Direction.DEPOSIT: "queryDeposit"}


class GatewayAnswer(msgspec.Struct, frozen=True):
    """What the gateway answered; `status` 0 if there was no answer."""

    status: int
    body: bytes

    @property
    def is_ok(self) -> bool:
        return self.status == HTTPStatus.OK

    @property
    def is_open(self) -> bool:
        """Whether to call again: no answer came, or one that says that the gateway could not tell or keep it."""
        return self.status == 0 or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR


class GatewayCalls:
    """Calls one operator's part of the operators' listener: `url` gives its address, such as
    ``http://127.0.0.1:8081/operators/acme``, asked for each call."""

    def __init__(self, client: aiohttp.ClientSession, url: Callable[[], str], username: str, password: str) -> None:
        self._client = client
        self._url = url
        self._authorization = basic_auth(username, password)

    async def launch(self, body: bytes) -> GatewayAnswer:
        """Asks for the URL of the game's client; `body` is the call's JSON (docs/launch.md)."""
        return await self._post("launch", body, {"Authorization": self._authorization})

    async def query(self, direction: Direction, id: str) -> GatewayAnswer:
        """Asks how a withdraw or a deposit has ended."""
        body = msgspec.json.encode({"mmTransactionId": id})
        return await self._post(f"payment/{QUERIES[direction]}", body, {"Authorization": self._authorization})

    async def call_back(self, body: bytes) -> GatewayAnswer:
        """Says that a player has paid; `body` is signed, and needs no credentials."""
        return await self._post("pay/quantum", body, {})

    async def _post(self, path: str, body: bytes, headers: Mapping[str, str]) -> GatewayAnswer:
        headers = {"Content-Type": "application/json", **headers}
        try:
            async with self._client.post(f"{self._url()}/{path}", data=body, headers=headers) as answer:
                return GatewayAnswer(answer.status, await answer.read())
        except (aiohttp.ClientError, OSError, TimeoutError):
            return GatewayAnswer(0, b"")
