"""A game that sends exactly the bytes it is told to, each call on a connection of its own."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import urlsplit

from gateway.wire.calls import WalletCall
from tests.support.doors import Answered, Client, request

TOKEN = "token"
WITH_AMOUNT = {WalletCall.WITHDRAW, WalletCall.DEPOSIT, WalletCall.CONFIRM_WITHDRAWAL, WalletCall.CONFIRM_DEPOSIT}


def body(call: WalletCall, id: str, amount: str = "10", currency: str = "XAG", token: str = TOKEN) -> bytes:
    """A call as the game writes it; `amount` goes into the JSON letter by letter."""
    fields: dict[str, Any] = {"token": token, "mmTransactionId": id}
    if call not in WITH_AMOUNT:
        return json.dumps(fields).encode()
    money = f'{{"amount": {amount}, "currencyCode": "{currency}"}}'
    return f'{json.dumps(fields)[:-1]}, "amount": {money}}}'.encode()


async def post(url: str, call: WalletCall, content: bytes, credentials: str = "JohnDoe:MyPass") -> Answered:
    """The answer, whole. Raises `OSError` or `IncompleteReadError` where there is none."""
    client = await connect(url)
    try:
        return await client.asked(request(f"/wallet/{call}", content, credentials))
    finally:
        await client.close()


async def connect(url: str) -> Client:
    """A connection to whoever listens at `url`."""
    parts = urlsplit(url)
    return Client(*await asyncio.open_connection(parts.hostname, parts.port))
