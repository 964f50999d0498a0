"""Commands by which a person acts on what is parked, as real processes on real files."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.journal.records import Decision, Reason, State
from gateway.reasons import Source
from tests.support.commands import Deployment, Ran, a_timeline, key

SIGNED = ("--who", "anna", "--why", "Withdraw request failed there, says the operator")


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    made = Deployment(tmp_path)
    made.keep(
        "default",
        a_timeline("one"),
        a_timeline("two", wants=Decision.CONFIRM),
        a_timeline("held", state=State.HELD, wants=None),
        a_timeline("both"),
    )
    made.keep("big", a_timeline("both", operator="beta"))
    made.keep("spare")
    return made


def state_of(deployment: Deployment, id: str) -> State:
    found = deployment.find("default", key(id))
    assert found is not None
    return found.transfer.state


def last_reason(deployment: Deployment, id: str) -> Reason:
    found = deployment.find("default", key(id))
    assert found is not None
    return found.reasons[-1]


def test_retry_puts_parked_ones_back_with_who_and_why(deployment: Deployment) -> None:
    assert deployment.run("retry", "one", "two", *SIGNED) == (0, "2 will be sent again\n", "")
    assert state_of(deployment, "one") is State.ROLLING_BACK
    assert state_of(deployment, "two") is State.CONFIRMING
    reason = last_reason(deployment, "one")
    assert (reason.source, reason.who, reason.category) == (Source.PERSON, "anna", "withdraw_failed")
    found = deployment.find("default", key("one"))
    assert found is not None
    assert (found.transfer.tries, found.transfer.due_at) == (0, reason.at)


def test_retry_moves_none_if_one_is_mistyped(deployment: Deployment) -> None:
    assert deployment.run("retry", "one", "tow", *SIGNED) == (1, "", "mm-gateway: there is no transfer tow\n")
    assert state_of(deployment, "one") is State.PARKED


def test_retry_of_all_that_are_parked_leaves_other_operators_alone(deployment: Deployment) -> None:
    assert deployment.run("retry", "--all-parked", "--operator", "acme", *SIGNED).out == "3 will be sent again\n"
    assert [each["operator"] for each in deployment.run("transfers", "--state", "parked", "--json").json] == ["beta"]
    assert deployment.run("retry", "--all-parked", "--operator", "acme", *SIGNED).out == "0 will be sent again\n"


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["held"], "held is held, not parked"),
        (["both"], "both is an id of acme (withdraw) and beta (withdraw); say which with --operator and --direction"),
    ],
)
def test_retry_says_why_it_does_nothing(deployment: Deployment, arguments: list[str], said: str) -> None:
    ran = deployment.run("retry", *arguments, *SIGNED)
    assert ran == (1, "", f"mm-gateway: {said}\n")


@pytest.mark.parametrize(
    "arguments, said",
    [
        ([], "which ones? Give their ids, or --all-parked with --operator"),
        (["one", "--all-parked", "--operator", "acme"], "which ones? Give their ids, or --all-parked with --operator"),
        (["--all-parked"], "--all-parked needs --operator"),
    ],
)
def test_retry_wants_to_know_which(deployment: Deployment, arguments: list[str], said: str) -> None:
    assert deployment.run("retry", *arguments, *SIGNED) == (2, "", f"mm-gateway: {said}\n")


def test_nobody_acts_without_a_name_and_a_reason(deployment: Deployment) -> None:
    assert deployment.run("retry", "one", "--why", "x") == (2, "", "mm-gateway: Missing option '--who'.\n")
    assert deployment.run("resolve", "one", "--as", "rolled_back", "--who", "x").status == 2


def test_resolve_asks_first_and_records_who_and_why(deployment: Deployment) -> None:
    ran = deployment.run("resolve", "one", "--as", "rolled_back", *SIGNED, stdin="y\n")
    assert ran.status == 0
    assert "Record withdraw one of 1234567890123456.78 XAG at acme as rolled back? Nothing will be sent." in ran.out
    assert ran.out.endswith("one is rolled back\n")
    assert state_of(deployment, "one") is State.ROLLED_BACK
    assert last_reason(deployment, "one").who == "anna"


@pytest.mark.parametrize("answer", ["n\n", ""])
def test_resolve_does_nothing_unless_told_so(deployment: Deployment, answer: str) -> None:
    ran = deployment.run("resolve", "one", "--as", "rolled_back", *SIGNED, stdin=answer)
    assert ran.status != 0
    assert state_of(deployment, "one") is State.PARKED


def test_resolve_does_not_ask_when_told_not_to(deployment: Deployment) -> None:
    ran = resolved(deployment, "both", "rolled_back", "--operator", "beta", "--direction", "withdraw")
    assert ran == (0, "both is rolled back\n", "")
    assert state_of(deployment, "both") is State.PARKED


def test_a_decision_is_never_turned_round(deployment: Deployment) -> None:
    ran = resolved(deployment, "two", "rolled_back")
    assert ran.status == 1
    assert ran.err.startswith("mm-gateway: two was decided to be confirmed, which nobody can turn round")
    assert state_of(deployment, "two") is State.PARKED


def resolved(deployment: Deployment, id: str, end: str, *arguments: str) -> Ran:
    return deployment.run("resolve", id, "--as", end, *SIGNED, "--yes", *arguments)
