"""The first of several addresses that takes a connection, none of them waited for: RFC 8305, called happy eyeballs."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from gateway.operators.http_client.connection import OperatorConnection
from gateway.racing import first_to_succeed

Attempt = Callable[[], Coroutine[Any, Any, OperatorConnection]]


async def first_to_connect(attempts: Sequence[Attempt], within_s: float) -> OperatorConnection:
    """As `first_to_succeed`; a connection that came too late is aborted."""
    return await first_to_succeed(attempts, within_s, lambda connection: connection.abort())
