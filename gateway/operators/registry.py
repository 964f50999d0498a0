"""The adapters that are installed, found by entry point. A broken one affects nothing but itself."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, Final

from gateway.clock import Clock
from gateway.operators.adapter import INTERFACE_VERSION, Adapter, AdapterSettings
from gateway.operators.far_side import FarSide
from gateway.operators.http_client.client import HttpClient
from gateway.operators.http_client.tls import tls_context
from gateway.operators.operator import Operator
from gateway.operators.traced import TracedHttp, TracedOperator
from gateway.plugins import PluginKind, PluginUnavailable, names_of
from gateway.settings import GameSettings, OperatorSettings
from gateway.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from gateway.telemetry.tracing import Tracing

GROUP: Final = "mm_gateway.adapters"

_FRESH_PART: Final = re.compile(r"(header|query|body) \S+")


class AdapterUnavailable(PluginUnavailable):
    """No adapter of that name can be used; the text says why, and which there are."""


def names() -> list[str]:
    """The names under which adapters are installed, broken ones included."""
    return names_of(_entries())


def adapters() -> dict[str, type[Adapter]]:
    """Every adapter that works, by name."""
    return {name: adapter(name) for name in names() if problem(name) is None}


def problem(name: str) -> str | None:
    """Why the adapter of that name cannot be used, None if it can."""
    try:
        adapter(name)
    except AdapterUnavailable as error:
        return str(error)
    return None


@cache
def adapter(name: str) -> type[Adapter]:
    """The adapter of that name, loaded when first asked for. Raises `AdapterUnavailable`."""
    found: type[Adapter] = _KIND.load(name, _entries())
    return found


def validate(name: str, settings: Mapping[str, Any]) -> AdapterSettings:
    """An operator's `settings:` as its adapter reads them. Raises `AdapterUnavailable`, or pydantic's `ValidationError`
    with places relative to `settings`."""
    return adapter(name).Settings.model_validate(dict(settings))


def build_operator(
    name: str,
    settings: OperatorSettings,
    metrics: Metrics,
    clock: Clock,
    tracing: Tracing | None = None,
    tls: ssl.SSLContext | None = None,
    game: FarSide | None = None,
) -> Operator:
    """An operator ready for calls; nothing is connected yet. With `tracing` it traces itself; `tls` is the context of
    its TLS settings, if that has been made already. `game` is told of its payments.

    Raises as `validate` does, and `OSError` for TLS files that cannot be loaded.
    """
    adapter_settings = validate(settings.adapter, settings.settings)
    client = build_client(settings, clock, tls)
    make_adapter = adapter(settings.adapter)
    if tracing is None:
        return Operator(name, settings, make_adapter(adapter_settings, client), client, metrics, clock, game)
    http = TracedHttp(client, tracing, sends_context=settings.trace_context)
    adapter_on_http = make_adapter(adapter_settings, http)
    return TracedOperator(name, settings, adapter_on_http, client, metrics, clock, game, tracing=tracing)


def build_client(
    settings: OperatorSettings | GameSettings, clock: Clock, tls: ssl.SSLContext | None = None
) -> HttpClient:
    """The client of one far side; `tls` is the context of its TLS settings, if that has been made already. Raises
    `OSError` for TLS files that cannot be loaded."""
    return HttpClient(
        timeout_s=settings.timeout,
        connect_timeout_s=settings.connections.connect_timeout,
        idle_s=settings.connections.idle,
        max_age_s=settings.connections.max_age,
        max_answer=settings.max_answer,
        tls=tls or tls_context(settings.tls.ca_file, settings.tls.cert_file, settings.tls.key_file),
        clock=clock.now,
    )


def _entries() -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=GROUP))


def _what_is_wrong_with_fresh(found: Any) -> str | None:
    fresh = found.fresh
    if not isinstance(fresh, frozenset):
        return "declares fresh parts that are not a frozenset"
    for part in fresh:
        if not isinstance(part, str) or _FRESH_PART.fullmatch(part) is None:
            return f'declares {part!r} as fresh; write "header NAME", "query NAME" or "body NAME"'
    return None


_KIND: Final = PluginKind(
    word="adapter",
    base=Adapter,
    settings=AdapterSettings,
    package="gateway.operators",
    version=INTERFACE_VERSION,
    unavailable=AdapterUnavailable,
    further=_what_is_wrong_with_fresh,
)
