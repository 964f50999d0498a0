from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.alerting.rule import Severity
from gateway.alerting.rules_file import Options, alerts, rules_file, runbook
from gateway.alerting.scale import Scale
from gateway.telemetry.objectives import Objective

SHIPPED = Path(__file__).parents[3] / "config" / "prometheus" / "rules.yaml"


def rules(options: Options) -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(rules_file(options))["groups"] for rule in group["rules"]]


def alert(name: str, options: Options) -> list[dict[str, Any]]:
    return [rule for rule in rules(options) if rule.get("alert") == name]


def test_the_shipped_rules_are_what_the_program_prints() -> None:
    assert SHIPPED.read_text(encoding="utf-8") == rules_file(Options()), (
        "mm-gateway rules > config/prometheus/rules.yaml"
    )


def test_every_alert_has_a_name_of_its_own_and_says_what_it_is_and_where_to_read_on() -> None:
    options = Options(runbooks="https://wiki.example/books/", dashboards="https://grafana.example")
    found = [rule for rule in rules(options) if "alert" in rule]
    assert max(Counter(rule["alert"] for rule in found).values()) == 1
    for rule in found:
        notes = rule["annotations"]
        assert rule["labels"]["severity"] in set(Severity)
        assert all(notes[part].strip() for part in ("summary", "description"))
        assert notes["runbook_url"] == f"https://wiki.example/books/{runbook(rule['alert'])}"
        assert re.match(r"https://grafana\.example/d/mm-gateway-\w+\?var-job=\{\{", notes["dashboard"])


def test_a_runbook_has_its_alerts_name() -> None:
    assert runbook("MmGatewayHoldsFailing") == "holds-failing.md"
    assert runbook("MmGatewayParked") == "parked.md"


def test_every_rule_keeps_the_job_so_that_two_deployments_are_not_mixed() -> None:
    expressions = [rule["expr"] for rule in rules(Options())]
    groupings = [labels for expr in expressions for labels in re.findall(r"\b(?:by|on) \(([^)]*)\)", expr)]
    assert len(groupings) > 30
    assert [labels for labels in groupings if not labels.startswith("job")] == []


def test_the_job_is_the_installations() -> None:
    text = rules_file(Options(job="wallet"))
    assert 'up{job="wallet"}' in text
    assert 'job="mm-gateway"' not in text
    (down,) = alert("MmGatewayAllDown", Options(job="wallet"))
    assert down["labels"]["job"] == "wallet"


def test_a_trial_has_shorter_times_and_the_same_thresholds() -> None:
    (usual,), (short,) = (alert("MmGatewayHoldsFailing", Options(scale=Scale(factor))) for factor in (1, 60))
    assert (usual["for"], usual["keep_firing_for"]) == ("1m", "2m")
    assert (short["for"], short["keep_firing_for"]) == ("1s", "2s")
    assert short["expr"] == usual["expr"]
    (undelivered,) = alert("MmGatewayUndelivered", Options(scale=Scale(60)))
    assert "> 30\n" in undelivered["expr"]
    assert "[1m]" in undelivered["expr"]


def test_objectives_of_the_configuration_have_alerts_with_their_figures() -> None:
    by_operator = {"acme": (Objective("calls", 0.999), Objective("latency", 0.99, 0.3)), "beta": ()}
    found = alert("MmGatewayBudgetBurnsFast", Options(objectives=by_operator))
    assert [(rule["labels"]["operator"], rule["labels"]["objective"]) for rule in found] == [
        ("acme", "calls"),
        ("acme", "latency"),
    ]
    assert '{operator="acme", objective="calls"} > 14.4 * 0.001\n' in found[0]["expr"]
    assert '{operator="acme", objective="latency"} > 6 * 0.01\n' in found[1]["expr"]
    assert "mm_gateway_objective_budget" not in found[0]["expr"]


def test_a_configuration_without_objectives_has_no_alerts_on_budgets() -> None:
    options = Options(objectives={"acme": ()})
    assert alert("MmGatewayBudgetBurnsFast", options) == alert("MmGatewayBudgetBurnsSlow", options) == []
    assert len(alerts(options)) == len(alerts(Options())) - 2


@pytest.mark.parametrize("burn", ["14.4 * ", "6 * ", "3 * ", "1 * "])
def test_each_burn_rate_is_asked_over_two_windows(burn: str) -> None:
    expressions = [rule.expr for rule in alerts(Options()) if rule.name.startswith("MmGatewayBudget")]
    windows = re.findall(rf"bad:ratio(\w+) > {re.escape(burn)}", "\n".join(expressions))
    assert len(set(windows)) == 2
