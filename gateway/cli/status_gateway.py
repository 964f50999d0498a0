"""What `mm-gateway status` asks the gateway on this machine, through its admin listener."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from gateway.cli.admin_page import LOOPBACK, OK, ask_admin
from gateway.cli.errors import CommandFailed
from gateway.cli.status_facts import Breaker, GatewayFacts
from gateway.settings import AdminSettings

_OURS: Final = "mm_gateway_"
_BREAKER: Final = f"{_OURS}breaker_state"
_CERTIFICATE: Final = f"{_OURS}certificate_expiry_timestamp_seconds"
_BUILD: Final = f"{_OURS}build_info"
_HASH: Final = f"{_OURS}config_info"
_RELOAD: Final = f"{_OURS}config_reload_ok"

_SHARES: Final = {
    "file descriptors": ("process_open_fds", "process_max_fds"),
    "memory": ("process_resident_memory_bytes", f"{_OURS}memory_limit_bytes"),
    "waiting writes": (f"{_OURS}journal_writes_waiting", f"{_OURS}journal_writes_limit"),
}
"""By what is limited: how much of it is in use, and the limit."""

_WANTED: Final = (_BREAKER, _CERTIFICATE, _BUILD, _HASH, _RELOAD, *(name for pair in _SHARES.values() for name in pair))

Samples = dict[str, list[Sample]]


def gateway_facts(settings: AdminSettings) -> GatewayFacts:
    """Asks it for health, readiness and metrics; each answer may take some seconds."""
    if settings.port == 0:
        return GatewayFacts(problem="admin.port is 0, so only the gateway itself knows where it can be asked")
    address = f"{LOOPBACK.get(settings.host, settings.host)}:{settings.port}"
    try:
        asked = GatewayFacts(
            address=address,
            liveness_problems=_problems(settings, "/healthz"),
            readiness_problems=_problems(settings, "/readyz"),
        )
    except CommandFailed as error:
        return GatewayFacts(address=address, problem=str(error))
    try:
        samples = _samples(_metrics(settings))
    except (CommandFailed, ValueError) as error:
        return msgspec.structs.replace(asked, metrics_problem=str(error))
    return msgspec.structs.replace(
        asked,
        version=_label(samples, _BUILD, "version"),
        configuration=_label(samples, _HASH, "hash"),
        reload_ok=all(sample.value for sample in samples.get(_RELOAD, ())),
        breakers=tuple(_breakers(samples)),
        certificates={each.labels["certificate"]: each.value for each in samples.get(_CERTIFICATE, ())},
        used=dict(_shares(samples)),
    )


def _problems(settings: AdminSettings, page: str) -> tuple[str, ...]:
    answer = ask_admin(settings, page)
    if answer.status == OK:
        return ()
    return tuple(answer.members.get("problems", ())) or (f"{page} answered HTTP {answer.status}",)


def _metrics(settings: AdminSettings) -> str:
    answer = ask_admin(settings, "/metrics", "" if settings.token is None else settings.token.get_secret_value())
    if answer.status != OK:
        raise CommandFailed(f"/metrics answered HTTP {answer.status}: {answer.members.get('error', 'no reason given')}")
    return answer.body.decode()


def _samples(page: str) -> Samples:
    """The wanted samples, by name. Raises `ValueError` for what is not a page of metrics."""
    # Of a thousand operators the page has megabytes, and parsing all of it would take seconds.
    lines = "".join(f"{line}\n" for line in page.splitlines() if line.startswith(_WANTED))
    found: Samples = {}
    for family in text_string_to_metric_families(lines):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample)
    if _BUILD not in found:
        raise ValueError("/metrics answered something that is not this program's page of metrics")
    return found


def _label(samples: Samples, name: str, label: str) -> str:
    return next((sample.labels.get(label, "") for sample in samples.get(name, ())), "")


def _breakers(samples: Samples) -> Iterator[Breaker]:
    for sample in samples.get(_BREAKER, ()):
        if sample.value and sample.labels["state"] != "closed":
            yield Breaker(**sample.labels)


def _shares(samples: Samples) -> Iterator[tuple[str, float]]:
    """Of what has several parts, the fullest counts."""
    for what, names in _SHARES.items():
        used, limits = ({tuple(each.labels.items()): each.value for each in samples.get(name, ())} for name in names)
        shares = [used[labels] / limit for labels, limit in limits.items() if labels in used and limit > 0]
        if shares:
            yield what, max(shares)
