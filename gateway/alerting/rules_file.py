"""All rules as one file for Prometheus: `mm-gateway rules` prints it, config/prometheus/rules.yaml is it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
import yaml

from gateway.alerting import objectives, recordings
from gateway.alerting.journals import JOURNAL_ALERTS
from gateway.alerting.objectives import burn_alerts, ratios
from gateway.alerting.operators import OPERATOR_ALERTS
from gateway.alerting.process import PROCESS_ALERTS, target_alerts, target_recordings
from gateway.alerting.rule import Alert, Group, Recording, Rule
from gateway.alerting.scale import Scale
from gateway.telemetry.objectives import Objectives

PREFIX: Final = "MmGateway"
BOARD_UID: Final = "mm-gateway"

HEAD: Final = """\
# Printed by `mm-gateway rules`, and not edited by hand: docs/on-call.md says how to print it with your own addresses.
# docs/runbooks has a page for each alert, docs/decisions/100-alerts.md says why they are these.

"""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What differs between installations.

    `runbooks` is the address under which docs/runbooks can be opened, `dashboards` that of Grafana; `job` is the name
    under which Prometheus scrapes the gateways. `objectives`: see `burn_alerts`. `scale` shortens all times.
    """

    runbooks: str = "http://localhost:3000/public/runbooks"
    dashboards: str = "http://localhost:3000"
    job: str = "mm-gateway"
    objectives: Mapping[str, Objectives] | None = None
    scale: Scale = Scale()


def rules_file(options: Options) -> str:
    """The file, as YAML."""
    content = {"groups": [_group(group, options) for group in groups(options)]}
    return HEAD + yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)


def groups(options: Options) -> tuple[Group, ...]:
    """Every rule. Groups are evaluated beside each other, so what uses another rule's result stands behind it in the
    same one."""
    return (
        Group(
            name="mm-gateway",
            rules=(
                *target_recordings(options.job),
                *recordings.RECORDINGS,
                *objectives.RECORDINGS,
                *ratios(objectives.FAST_WINDOWS),
                *target_alerts(options.job),
                *OPERATOR_ALERTS,
                *JOURNAL_ALERTS,
                *PROCESS_ALERTS,
                *burn_alerts(options.objectives),  # last: they ask which of the others fire
            ),
        ),
        # Days are not measured four times a minute.
        Group(name="mm-gateway-days", rules=ratios(objectives.SLOW_WINDOWS), every="2m"),
    )


def alerts(options: Options) -> tuple[Alert, ...]:
    """Every alert."""
    return tuple(rule for group in groups(options) for rule in group.rules if isinstance(rule, Alert))


def runbook(alert: str) -> str:
    """The name of an alert's page in docs/runbooks: `MmGatewayHoldsFailing` has `holds-failing.md`."""
    words = re.findall(r"[A-Z][a-z]*", alert.removeprefix(PREFIX))
    return f"{'-'.join(words).lower()}.md"


def _group(group: Group, options: Options) -> dict[str, Any]:
    every = {"interval": options.scale.duration(group.every)} if group.every else {}
    return {"name": group.name, **every, "rules": [_rule(rule, options) for rule in group.rules]}


def _rule(rule: Rule, options: Options) -> dict[str, Any]:
    expr = options.scale.promql(rule.expr)
    if isinstance(rule, Recording):
        return {"record": rule.name, "expr": expr}
    times = {"for": rule.wait, "keep_firing_for": rule.keep}
    return {
        "alert": rule.name,
        "expr": expr,
        **{key: options.scale.duration(text) for key, text in times.items() if text != "0s"},
        "labels": {"severity": str(rule.severity), **rule.labels},
        "annotations": {
            "summary": rule.summary,
            "description": rule.description,
            "runbook_url": f"{options.runbooks.rstrip('/')}/{runbook(rule.name)}",
            "dashboard": f"{options.dashboards.rstrip('/')}/d/{BOARD_UID}-{rule.board}?{_variables(rule.shown_by)}",
        },
    }


def _variables(labels: Iterable[str]) -> str:
    """The board's variables, from the labels of whatever fires."""
    return "&".join(f"var-{label}={{{{ $labels.{label} }}}}" for label in ("job", *labels))


class _Dumper(yaml.SafeDumper):
    """Writes expressions of several lines as such, instead of in quotes."""

    def represent_text(self, text: str) -> yaml.ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _Dumper.represent_text)
