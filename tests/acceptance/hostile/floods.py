"""What somebody does who has one operator's credentials and wants to harm the others with them."""

from __future__ import annotations

import asyncio
import json
from typing import Final

from gateway.wire.calls import WalletCall
from tests.support.doors import request
from tests.support.runtimes import TOKEN
from tests.support.wallet_client import connect

CONNECTIONS: Final = 8


async def flood_with_reasons(
    url: str, id: str, count: int, length: int = 7000, credentials: str = "JohnDoe:MyPass"
) -> list[int]:
    """Repeats the rollback of one withdraw, each time with another reason of that many characters. Returns the HTTP
    statuses."""

    async def some(first: int) -> list[int]:
        client = await connect(url)
        statuses = []
        for number in range(first, count, CONNECTIONS):
            content = {"token": TOKEN, "mmTransactionId": id, "rollbackReason": f"{number} ".ljust(length, "x")}
            call = request(f"/wallet/{WalletCall.ROLLBACK_WITHDRAWAL}", json.dumps(content).encode(), credentials)
            statuses.append((await client.asked(call)).status)
        await client.close()
        return statuses

    parts = await asyncio.gather(*map(some, range(CONNECTIONS)))
    return [status for part in parts for status in part]


async def send_long_reasons(
    url: str, ids: list[str], size: int, filling: bytes = b"x", credentials: str = "JohnDoe:MyPass"
) -> list[int]:
    """Rolls back these withdraws at the same time, each with a reason of that many bytes. Returns the HTTP statuses."""

    async def one(id: str) -> int:
        reason = filling * (size // len(filling))
        content = b'{"token": "%s", "mmTransactionId": "%s", "rollbackReason": "%s"}'
        body = content % (TOKEN.encode(), id.encode(), reason)
        client = await connect(url)
        try:
            await client.send(request(f"/wallet/{WalletCall.ROLLBACK_WITHDRAWAL}", body, credentials))
            return (await client.answer()).status
        finally:
            await client.close()

    return await asyncio.gather(*map(one, ids))
