"""A real gateway before a simulated operator, and what must be true of both after whatever was done to them."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from gateway.money import money
from tests.support.gateway_process import GatewayProcess
from tests.support.runtimes import TOKEN, FarOperator, far_operator, operator_to

TROUBLE: Final = ("a request failed", "a connection failed", "a call failed unexpectedly", "Traceback", "Exception")
EXAMPLE_TOKEN: Final = "0fabcdc4-fe07-44f2-b968-93da3b324898"
"""The contract's own, with which the description's examples are made."""

SERVER: Final = {"read_timeout": "300ms", "idle_timeout": "3s"}
GROWTH_BYTES: Final = 96 * 2**20
"""What the process may grow by once it is warm: its caches, and four of the largest rollbacks."""


class Finding(AssertionError):
    """What came back, or what became of the process, is not as documented."""


@asynccontextmanager
async def gateway_under_fire() -> AsyncIterator[tuple[GatewayProcess, FarOperator]]:
    """Raises `Finding` at the end if it was harmed."""
    with tempfile.TemporaryDirectory() as folder:
        async with far_operator() as far:
            far.ledger.enrol("example", EXAMPLE_TOKEN, money("1000000", "XAG"))
            acme = operator_to(far) | {
                "timeout": "2s",
                "delivery": {"schedule": ["50ms"], "then_every": "50ms", "until": "5s", "late_arrival_window": "1s"},
            }
            async with GatewayProcess({"server": SERVER, "operators": {"acme": acme}}, Path(folder)) as gateway:
                warm = await _memory(gateway)
                yield gateway, far
                await _must_be_unharmed(gateway, far, warm)


async def _must_be_unharmed(gateway: GatewayProcess, far: FarOperator, warm: int) -> None:
    if not gateway.running:
        raise Finding("the gateway has ended")
    grown = await _memory(gateway) - warm
    if grown > GROWTH_BYTES:
        raise Finding(f"the gateway has grown by {grown} bytes")
    if await gateway.stop():
        raise Finding("the gateway does not stop properly")
    if trouble := [sign for sign in TROUBLE if sign in gateway.log]:
        raise Finding(f"the log tells of trouble: {trouble}\n{gateway.log[-2000:]}")
    if "MyPass" in gateway.log or f'"{TOKEN}"' in gateway.log:
        raise Finding("the log holds a secret")
    if wrong := far.ledger.violations():
        raise Finding(f"the operator's books do not add up: {wrong}")


async def _memory(gateway: GatewayProcess) -> int:
    """Bytes; 0 where the system does not tell."""
    lines = (await gateway.metrics()).splitlines()
    return next((int(float(line.split()[1])) for line in lines if line.startswith("process_resident")), 0)
