"""The judge of the night sees every page that is missing or too many, and the page in the docs is of this script."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.alerting.rules_file import Options, alerts, runbook
from tests.night.judging import complaints
from tests.night.page import PAGE, draw
from tests.night.pager import Message
from tests.night.play import Night, Played
from tests.night.script import ACTS, Act

RUNBOOKS = Path(__file__).parents[2] / "docs" / "runbooks"


def played(act: Act) -> Played:
    """As the script says."""
    pages = [Message("page", act.page, 10.0, set(act.alerts), 90.0)] if act.page else []
    tickets = [Message("ticket", {"alertname": act.ticket}, 20.0, {act.ticket})] if act.ticket else []
    return Played(act.what, 5.0, 60.0, [*pages, *tickets])


def night() -> Night:
    return Night(20.0, 0.0, [played(act) for act in ACTS])


def test_a_night_as_in_the_script_is_good() -> None:
    assert complaints(night()) == []


@pytest.mark.parametrize("number", range(len(ACTS)))
def test_whoever_is_not_told_is_missed(number: int) -> None:
    quiet = night()
    quiet.acts[number].messages.clear()
    assert len(complaints(quiet)) == bool(ACTS[number].page) + bool(ACTS[number].ticket)


@pytest.mark.parametrize("number", range(len(ACTS)))
def test_a_page_besides_is_seen(number: int) -> None:
    loud = night()
    loud.acts[number].messages.append(Message("page", {"operator": "other"}, 30.0, {"MmGatewayHoldsFailing"}))
    assert len(complaints(loud)) == 1


def test_a_second_page_for_the_same_trouble_is_seen() -> None:
    twice = night()
    twice.acts[0].messages.append(Message("page", ACTS[0].page, 70.0, set(ACTS[0].alerts)))
    assert len(complaints(twice)) == 1


def test_a_page_that_names_something_else_is_seen() -> None:
    other = night()
    other.acts[0].messages[0].alerts.add("MmGatewayParked")
    assert len(complaints(other)) == 1


def test_the_script_names_alerts_that_there_are_with_their_severity() -> None:
    severities = {alert.name: str(alert.severity) for alert in alerts(Options())}
    for act in ACTS:
        assert {severities[name] for name in act.alerts} <= {"page"}
        assert not act.ticket or severities[act.ticket] == "ticket"


def test_every_alert_of_the_night_has_a_runbook() -> None:
    for name in {name for act in ACTS for name in (*act.alerts, act.ticket) if name}:
        assert (RUNBOOKS / runbook(name)).is_file()


def test_the_page_shows_each_trouble_with_its_pages_and_its_ticket() -> None:
    drawn = draw(night())
    for act in ACTS:
        assert f"    section {act.what}\n    trouble :active, 5000, 60000\n" in drawn
        assert f"| {act.what} | " in drawn
    assert "    BudgetBurnsFast :crit, 10000, 90000\n" in drawn
    assert (
        "| the game never confirms | ticket: [MmGatewayAbandoned](runbooks/abandoned.md) | nobody is woken | – |"
        in drawn
    )


def test_the_page_in_the_docs_is_of_this_script() -> None:
    shown = PAGE.read_text(encoding="utf-8")
    sections = [line.split("section ")[1] for line in shown.splitlines() if line.startswith("    section ")]
    assert sections == [act.what for act in ACTS]
