"""Many rollbacks at once with megabytes of reason: what is held is what is kept, and none of them is refused."""

from __future__ import annotations

import re
from contextlib import AsyncExitStack
from pathlib import Path

from gateway.http.body import MAX_ROLLBACK_BODY
from gateway.wire.calls import WalletCall
from tests.acceptance.hostile.floods import send_long_reasons
from tests.support.gateway_process import GatewayProcess
from tests.support.instances import call, operator
from tests.support.runtimes import far_operator

BODIES = 24
MORE_MEMORY = 64 * 2**20
"""Bytes, while 192 MiB arrive: most of it is what a connection receives at a time."""


def peak_memory(gateway: GatewayProcess) -> int:
    """The most that it has ever had, in bytes."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{gateway.pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


async def test_rollbacks_with_megabytes_of_reason_hold_little_and_none_is_refused(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        far = await stack.enter_async_context(far_operator())
        # Time enough for a machine that does much else.
        content = {"server": {"read_timeout": "60s"}, "operators": {"acme": operator(far)}}
        gateway = await stack.enter_async_context(GatewayProcess(content, tmp_path))
        ids = [str(number) for number in range(BODIES)]
        for id in ids:
            assert (await call(gateway, WalletCall.WITHDRAW, id)).status == 200
        before = peak_memory(gateway)
        assert await send_long_reasons(gateway.wallet_url, ids, MAX_ROLLBACK_BODY - 1000) == [200] * BODIES
        assert peak_memory(gateway) - before < MORE_MEMORY
