"""`mm-gateway rules` as a process."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from gateway.alerting.rules_file import Options, rules_file
from tests.support.commands import Deployment, operator, run


def test_it_prints_the_rules() -> None:
    assert run("rules").out == rules_file(Options())


def test_with_a_configuration_it_prints_the_burn_rates_of_its_objectives(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path)
    objectives = {"calls": "99.9%", "latency": "300ms", "latency_share": "95%"}
    deployment.configure(operators={"acme": operator("JohnDoe", objectives=objectives), "beta": operator("JaneDoe")})
    addresses = ("--runbooks", "https://wiki.example/books", "--dashboards", "https://grafana.example")
    ran = deployment.run("rules", *addresses, "--job", "wallet", "--scale", "60")
    assert ran.status == 0, ran.err
    found = [rule for group in yaml.safe_load(ran.out)["groups"] for rule in group["rules"]]
    fast = [rule for rule in found if rule.get("alert") == "MmGatewayBudgetBurnsFast"]
    assert [rule["labels"]["objective"] for rule in fast] == ["calls", "latency"]
    assert "> 14.4 * 0.001" in fast[0]["expr"]
    assert "> 14.4 * 0.05" in fast[1]["expr"]
    assert fast[0]["for"] == "2s"
    assert fast[0]["annotations"]["runbook_url"] == "https://wiki.example/books/budget-burns-fast.md"
    assert 'up{job="wallet"}' in ran.out


def test_a_job_that_would_break_the_expressions_is_refused() -> None:
    ran = run("rules", "--job", 'a"} or vector(1)')
    assert (ran.status, ran.out) == (2, "")


@pytest.mark.parametrize("option", ["--runbooks", "--dashboards"])
def test_an_address_that_no_link_can_open_is_refused(option: str) -> None:
    ran = run("rules", option, "docs/runbooks")
    assert (ran.status, ran.out) == (2, "")
    assert "docs/runbooks cannot be opened from a page" in ran.err
