"""Nothing from outside makes a series: neither a transaction, nor a token, nor a reason, nor a name in a path."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from prometheus_client.parser import text_string_to_metric_families

from gateway.wire.calls import WalletCall
from tests.monitoring.operators import Operator
from tests.support.doors import Client, request
from tests.support.gateway_process import GatewayProcess

DISTINCT: Final = 10_000
LAST_BORN: Final = "mm_gateway_loop_lag_seconds_count"
PATIENCE_S: Final = 30.0
CONNECTIONS: Final = 16
CREDENTIALS: Final = "acme:secret"

FEW: Final = 20
"""On a busy machine some call is late, or tried again, for the first time: kinds of answers, not one for each call."""

OURS: Final = ("token-", "transaction-", "reason ", "sword ")
"""What each call says differently."""

COUNTED: Final = {
    "mm_gateway_transfers",
    "mm_gateway_transfers_oldest_seconds",
    "mm_gateway_transfers_abandoned",
    "mm_gateway_undelivered_oldest_seconds",
}
"""What is counted now and then: which of its few states there are depends on the moment."""

Series = set[tuple[str, tuple[tuple[str, str], ...]]]
"""Names and labels."""


async def test_ten_thousand_transactions_tokens_and_reasons_make_no_series(tmp_path: Path) -> None:
    operator = Operator("acme")
    await operator.open()
    content = {"operators": {"acme": operator.settings}, "log": {"level": "error"}}
    try:
        async with GatewayProcess(content, tmp_path) as gateway:
            await _call(gateway, range(100))  # each kind of answer has its series then
            before = await _series_once_complete(gateway)
            await _call(gateway, range(100, DISTINCT))
            new = await _series(gateway) - before
            assert len(new) < FEW, new
            told = {value for _, labels in new for _, value in labels}
            assert [value for value in told if any(word in value for word in OURS)] == []
    finally:
        await operator.close()


async def _call(gateway: GatewayProcess, numbers: range) -> None:
    """Each number is a transaction, a token and a reason; every tenth is withdrawn, in vain, before its rollback."""
    shares = (numbers[first::CONNECTIONS] for first in range(CONNECTIONS))
    await asyncio.gather(*(_call_on_one_connection(gateway, share) for share in shares))


async def _call_on_one_connection(gateway: GatewayProcess, numbers: Iterable[int]) -> None:
    where = urlsplit(gateway.wallet_url)
    client = Client(*await asyncio.open_connection(where.hostname, where.port))
    try:
        for number in numbers:
            about = {"token": f"token-{number}", "mmTransactionId": f"transaction-{number}"}
            amount = {"amount": {"amount": number + 1, "currencyCode": "XAG"}}
            if number % 10 == 0:
                await _post(client, WalletCall.WITHDRAW, {**about, **amount, "txDescription": f"sword {number}"})
            await _post(client, WalletCall.ROLLBACK_WITHDRAWAL, {**about, "rollbackReason": f"reason {number}"})
    finally:
        await client.close()


async def _post(client: Client, call: WalletCall, content: object) -> None:
    answered = await client.asked(request(f"/wallet/{call}", json.dumps(content).encode(), CREDENTIALS))
    assert answered.status in {200, 500}


async def _series_once_complete(gateway: GatewayProcess) -> Series:
    """The loop's lag is measured for the first time half a second after the start."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            series = await _series(gateway)
            if LAST_BORN in {name for name, _ in series}:
                return series
            await asyncio.sleep(0.1)


async def _series(gateway: GatewayProcess) -> Series:
    families = text_string_to_metric_families(await gateway.metrics())
    return {
        (sample.name, tuple(sorted(sample.labels.items())))
        for family in families
        if family.name not in COUNTED
        for sample in family.samples
    }
