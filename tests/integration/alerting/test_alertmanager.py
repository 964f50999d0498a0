"""The example for Alertmanager: who is told of which alert, and what is kept back."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.alerting.rules_file import Options, alerts
from tests.support.programs import program

FILE = Path(__file__).parents[3] / "config" / "alertmanager" / "alertmanager.yaml"
CONTENT = yaml.safe_load(FILE.read_text(encoding="utf-8"))
BY_NAME = {alert.name: alert for alert in alerts(Options())}


def amtool(*arguments: str | Path) -> str:
    done = subprocess.run([program("amtool"), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def matched(matchers: list[str]) -> set[str]:
    """The alerts that these matchers select by their names."""
    found = set(BY_NAME)
    for matcher in matchers:
        match = re.fullmatch(r'alertname\s*(=~|!=|=)\s*"?([^"]*)"?', matcher)
        assert match is not None
        named = {each for each in BY_NAME if re.fullmatch(match[2], each)}
        found = found - named if match[1] == "!=" else found & named
    return found


def names(matchers: list[str]) -> set[str]:
    """The names of alerts that the matchers spell out."""
    spelled = " ".join(matchers)
    grouped = re.findall(r"MmGateway\(([\w|]+)\)", spelled)
    plain = re.findall(r"\bMmGateway\w+", spelled)
    return {f"MmGateway{each}" for group in grouped for each in group.split("|")} | set(plain)


@pytest.mark.needs_programs("amtool")
def test_alertmanager_takes_the_file() -> None:
    assert f"{len(CONTENT['inhibit_rules'])} inhibit rules" in amtool("check-config", FILE)


@pytest.mark.needs_programs("amtool")
@pytest.mark.parametrize(
    "labels, receiver, route",
    [
        ("severity=page alertname=MmGatewayBreakerNotClosed operator=acme", "page", 'operator=~".+"'),
        (
            "severity=page alertname=MmGatewayBudgetBurnsFast operator=acme",
            "page",
            'alertname="MmGatewayBudgetBurnsFast"',
        ),
        ("severity=page alertname=MmGatewayJournalFails journal=default", "page", 'journal=~".+"'),
        ("severity=page alertname=MmGatewayAllDown", "page", 'severity="page"'),
        ("severity=ticket alertname=MmGatewayOperatorSlow operator=acme", "ticket", "default-route"),
        ("alertname=SomethingElse", "ticket", "default-route"),
    ],
)
def test_an_alert_reaches_whom_it_should(labels: str, receiver: str, route: str) -> None:
    said = amtool("config", "routes", "test", f"--config.file={FILE}", "--tree", *labels.split())
    *_, last = (line for line in said.splitlines() if "receiver:" in line)
    assert last.endswith(f"receiver: {receiver}")
    assert route in last


def test_every_alert_that_is_kept_back_or_keeps_back_is_one_that_there_is() -> None:
    for rule in CONTENT["inhibit_rules"]:
        spelled = names(rule["source_matchers"]) | names(rule["target_matchers"])
        assert spelled <= set(BY_NAME)
        assert matched(rule["source_matchers"])
        assert matched(rule["target_matchers"])


def test_no_two_alerts_keep_each_other_back_or_themselves() -> None:
    """Alertmanager would tell of neither."""
    kept_back: set[tuple[str, str]] = set()
    for rule in CONTENT["inhibit_rules"]:
        sources, targets = matched(rule["source_matchers"]), matched(rule["target_matchers"])
        kept_back |= {(source, target) for source in sources for target in targets}
    assert len(kept_back) > 40
    assert [pair for pair in kept_back if pair[::-1] in kept_back] == []


def test_a_ticket_keeps_no_page_back() -> None:
    severities: list[tuple[Any, Any]] = [
        (BY_NAME[source].severity, BY_NAME[target].severity)
        for rule in CONTENT["inhibit_rules"]
        for source in matched(rule["source_matchers"])
        for target in matched(rule["target_matchers"])
    ]
    assert ("ticket", "page") not in severities
