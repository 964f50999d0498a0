"""The real door held against its published description: every answer is one that `docs/openapi.yaml` announces."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Final

from tests.fuzz.campaign import KEPT, PYTHON, ROOT, SHOWN_LINES, Ran
from tests.fuzz.under_fire import Finding, gateway_under_fire

DESCRIPTION: Final = ROOT / "docs" / "openapi.yaml"
GENERATED: Final = re.compile(r"(\d+) generated")
NOT_OURS: Final = (
    "not_a_server_error",  # the contract answers a refusal with 500
    "positive_data_acceptance",  # what is well-formed may still be about a session that nobody has
    "unsupported_method",  # the contract knows no 405
)
"""Checks that ask for what the contract forbids."""


def run(inputs: int) -> Ran:
    """About so many calls, those that the description allows and those that it does not."""
    begun, finding, said = time.monotonic(), "", ""
    try:
        status, said = asyncio.run(_explored(max(1, inputs // 40)))
        finding = said if status else ""
    except Finding as found:
        finding = str(found)
    lines = finding.splitlines()[-4 * SHOWN_LINES :]
    return Ran("description", _generated(said), time.monotonic() - begun, "over 8 calls", "\n".join(lines))


async def _explored(examples: int) -> tuple[int, str]:
    """Exit status and output of the tool."""
    async with gateway_under_fire() as (gateway, _):
        process = await asyncio.create_subprocess_exec(
            PYTHON.with_name("schemathesis"),
            "run",
            DESCRIPTION,
            f"--url={gateway.wallet_url.removesuffix('/wallet/')}",
            "--auth=JohnDoe:MyPass",
            f"--exclude-checks={','.join(NOT_OURS)}",
            f"--max-examples={examples}",
            "--generation-database=none",
            "--continue-on-failure",
            "--no-color",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=KEPT,
        )
        output, _ = await process.communicate()
        return await process.wait(), output.decode(errors="replace")


def _generated(said: str) -> int:
    return int(match[1]) if (match := GENERATED.search(said)) else 0
