"""The rules with Prometheus' own tools, and against the metrics that there are."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from gateway.alerting.rule import Alert, Recording
from gateway.alerting.rules_file import Options, alerts, groups, rules_file
from gateway.alerting.scale import Scale
from gateway.telemetry import metrics
from gateway.telemetry.objectives import Objective
from tests.support import promql
from tests.support.programs import program

FOLDER = Path(__file__).parents[3] / "config" / "prometheus"
RULES = [rule for group in groups(Options()) for rule in group.rules]
CASES = sorted(FOLDER.glob("*.test.yaml"))


def promtool(*arguments: str | Path) -> str:
    """What it complains of."""
    done = subprocess.run([program("promtool"), *arguments], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if done.returncode else ""


@pytest.mark.needs_programs("promtool")
def test_every_alert_fires_when_it_should_and_only_then() -> None:
    assert promtool("test", "rules", *CASES) == ""


@pytest.mark.needs_programs("promtool")
def test_prometheus_takes_the_rules_of_a_configuration_and_those_of_a_trial(tmp_path: Path) -> None:
    both = (Objective("calls", 0.999), Objective("latency", 0.95, 0.3))
    options = Options(objectives={"acme": both, "beta": both}, scale=Scale(60))
    (tmp_path / "rules.yaml").write_text(rules_file(options), encoding="utf-8")
    assert promtool("check", "rules", "--lint-fatal", tmp_path / "rules.yaml") == ""


@pytest.mark.needs_programs("promtool")
def test_prometheus_takes_its_configuration() -> None:
    assert promtool("check", "config", "--syntax-only", FOLDER / "prometheus.yaml") == ""


def test_every_alert_is_seen_to_fire_and_seen_not_to() -> None:
    cases = "".join(path.read_text(encoding="utf-8") for path in CASES)
    fired = set(re.findall(r'\{labels: \'\{alertname="(\w+)"', cases))
    assert fired == {alert.name for alert in alerts(Options())}
    for path in CASES:
        for test in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]:
            assert any(not case["exp_samples"] for case in test["promql_expr_test"]), test["name"]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_rule_asks_for_series_and_labels_that_there_are(rule: Recording | Alert) -> None:
    known = promql.known()
    asked = list(promql.selectors(Scale().promql(rule.expr)))
    assert asked
    assert [each for each in asked if each.metric not in known or not each.labels <= known[each.metric]] == []


def test_every_bound_of_a_bucket_that_is_asked_for_is_one_of_the_histogram() -> None:
    bounds = {f"{bound:g}" for bound in metrics.LAG_BUCKETS_S}
    asked = re.findall(r'mm_gateway_loop_lag_seconds_bucket\{le="([\d.]+)"', "".join(rule.expr for rule in RULES))
    assert asked
    assert set(asked) <= bounds
    assert 1 in metrics.SECONDS_BUCKETS  # the limit of MmGatewayOperatorSlow
    assert 0.1 in metrics.COMMIT_BUCKETS_S  # the limit of MmGatewayJournalSlow
