"""The parts of a gateway that trace themselves where tracing is configured, and else the plain ones.

This is decided once, at the start, so that without tracing no call asks about it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from gateway.http.access_log import AccessLog
from gateway.http.inbound import InboundServices
from gateway.http.operators_listener import OperatorsHandler
from gateway.http.operators_routing import OperatorsRouting
from gateway.http.routing import RoutingTable
from gateway.http.traced import TracedOperatorsHandler, TracedWalletHandler
from gateway.http.wallet import WalletHandler
from gateway.runtime.errors import ConfigurationUnusable
from gateway.settings import TracingSettings
from gateway.telemetry.metrics import Metrics
from gateway.transfers.context import Context
from gateway.transfers.coordinator import Coordinator
from gateway.transfers.delivery_try import DeliveryTry
from gateway.transfers.traced import TracedCoordinator, TracedDeliveryTry

if TYPE_CHECKING:
    from gateway.telemetry.tracing import Tracing

_DISABLED: Final = "OTEL_SDK_DISABLED"


def open_tracing(settings: TracingSettings | None, instance: str) -> Tracing | None:
    """Tracing as configured; None where it is not, or where OTEL_SDK_DISABLED says so.

    Raises `ConfigurationUnusable`.
    """
    if settings is None or os.environ.get(_DISABLED, "").strip().lower() == "true":
        return None
    from gateway.telemetry.tracing import Tracing  # noqa: PLC0415 - an extra, and half a second of every start

    try:
        return Tracing(settings, instance)
    except (ValueError, OSError) as error:
        # Its text may repeat a value, and OTEL_EXPORTER_OTLP_HEADERS is a secret.
        text = f"tracing: an environment variable OTEL_… has a value that cannot be used ({type(error).__name__})"
        raise ConfigurationUnusable([text]) from None


def make_wallet_handler(
    coordinator: Coordinator, metrics: Metrics, access: AccessLog, routing: RoutingTable, tracing: Tracing | None
) -> WalletHandler:
    """The wallet listener's handler."""
    if tracing is None:
        return WalletHandler(coordinator, metrics, access, routing)
    handler = TracedWalletHandler(coordinator, metrics, access, routing)
    handler.trace_to(tracing)
    return handler


def make_operators_handler(
    services: InboundServices, access: AccessLog, routing: OperatorsRouting, tracing: Tracing | None
) -> OperatorsHandler:
    """The operators' listener's handler."""
    if tracing is None:
        return OperatorsHandler(services, access, routing)
    handler = TracedOperatorsHandler(services, access, routing)
    handler.trace_to(tracing)
    return handler


def make_coordinator(context: Context, delivery_try: DeliveryTry, tracing: Tracing | None) -> Coordinator:
    """What carries out the game's calls."""
    if tracing is None:
        return Coordinator(context, delivery_try)
    return TracedCoordinator(context, delivery_try, tracing)


def make_delivery_try(context: Context, tracing: Tracing | None) -> DeliveryTry:
    """What tries to deliver a decision."""
    return DeliveryTry(context) if tracing is None else TracedDeliveryTry(context, tracing)
