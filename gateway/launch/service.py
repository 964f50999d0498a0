"""One launch, from the body that an operator sent to the reply.

The reply's URL holds the session's token: nothing of it is logged here, and no error repeats a value.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from gateway.clock import Clock
from gateway.launch.urls import build_url
from gateway.launch.values import read_launch
from gateway.operators.operator import Operator
from gateway.wire import replies
from gateway.wire.errors import ErrorCode, WalletError

VerifySession = Callable[[Operator, str], Awaitable[object]]
"""`Coordinator.verify_session`: raises `WalletError` for a token that is not a session's."""


class LaunchService(NamedTuple):
    """What a launch needs of the gateway."""

    verify_session: VerifySession
    clock: Clock


async def launch(service: LaunchService, operator: Operator, body: bytes) -> bytes:
    """Returns the body of the 200: ``{"url": "…"}``. A repeat gives the same URL (see `build_url`).

    Raises `WalletError`: `BAD_REQUEST` or `RETIRING`; with `verify`, also all that verifySession is refused with."""
    settings = operator.settings.launch
    if settings is None:
        text = "Launches are not configured for this operator; whoever runs the gateway can add `launch` to it."
        raise WalletError(ErrorCode.BAD_REQUEST, text)
    if operator.settings.retiring:
        raise WalletError(ErrorCode.RETIRING, "The operator is being retired: no game is launched for it any more.")
    request = read_launch(settings, body)
    if settings.verify and request.token is not None:
        await service.verify_session(operator, request.token)
    return replies.launch(build_url(settings, request, service.clock.now()))
