"""What operators call: the shape of such a call, of its answer, and of what handles it.

`inbound_calls.py` holds the table of handlers; `operators_listener.py` finds the operator and calls them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import msgspec

from gateway.clock import Clock
from gateway.http.addresses import Address
from gateway.http.routing import POST_ONLY
from gateway.journal.interface import Journal
from gateway.operators.operator import Operator
from gateway.telemetry.metrics import Metrics
from gateway.transfers.coordinator import Coordinator
from gateway.transfers.payments import Payments
from gateway.wire.errors import ErrorCode

JSON: Final = "application/json"


class NotAuthenticated(Exception):
    """A signature is missing or wrong. It is answered as every call is whose operator does not exist, with a 401."""


class InboundRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A call of an operator. `path` and `query` are as they came, `query` without the `?`. `headers` are looked up in
    upper or lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    client: Address | None


class InboundReply(msgspec.Struct, frozen=True):
    """The answer to a call. `error` is what metrics and the access log call it, where the answer is a refusal in a
    format of its own; other refusals are raised as `WalletError`. `headers` are those beside Content-Type."""

    status: int
    body: bytes
    content_type: str = JSON
    error: ErrorCode | None = None
    headers: Mapping[str, str] = {}


class InboundServices(msgspec.Struct, frozen=True, kw_only=True):
    """What handlers work with. `journals` are by name, as `Operator.journal` names one."""

    journals: Mapping[str, Journal]
    coordinator: Coordinator
    payments: Payments
    metrics: Metrics
    clock: Clock


Handle = Callable[[InboundServices, Operator, InboundRequest], Awaitable[InboundReply]]
"""Does what a call asks for. Raises `WalletError`, and `NotAuthenticated` where the call is signed."""

FindOperator = Callable[[InboundRequest, Sequence[Operator]], Operator | None]
"""Which of these operators, whose allow lists have the client's address, has signed a call; None if none of them."""


class InboundHandler(msgspec.Struct, frozen=True, kw_only=True):
    """How a call is handled.

    `methods` are those of HTTP with which it is called. `signed`: the call is not authenticated by credentials;
    `handle` checks its signature before it does anything, and raises `NotAuthenticated`. `find_operator` serves the
    path that all operators have in common. Where not `json_only`, a body of any type is accepted. `is_cut`: see
    `BodyReader`.
    """

    handle: Handle
    methods: frozenset[str] = POST_ONLY
    signed: bool = False
    find_operator: FindOperator | None = None
    json_only: bool = True
    is_cut: bool = False


InboundHandlers = Mapping[str, InboundHandler]
"""By call (`InboundCall`)."""
