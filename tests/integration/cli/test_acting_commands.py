"""Commands by which a person acts on what is undelivered, as real processes on real files."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import msgspec
import pytest

from gateway.clock import SystemClock
from gateway.journal import open_journal
from gateway.reasons import Source
from gateway.records import Decision, Instance, Reason, State
from gateway.settings import JournalSettings
from gateway.telemetry.metrics import Metrics
from tests.support.commands import Deployment, Ran, a_timeline, key

FAR = 4_000_000_000.0
SIGNED = ("--who", "anna", "--why", "Withdraw request failed there, says the operator")


WHICH = "which ones? Give their ids, or --all-parked or --all-undelivered with --operator"
WAIT = "wait for the result: mm-gateway transfers show flying"
BOTH = "beta (withdraw) in big and acme (withdraw) in default"


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    made = Deployment(tmp_path)
    made.keep(
        "default",
        a_timeline("one"),
        a_timeline("two", wants=Decision.CONFIRM),
        a_timeline("held", state=State.HELD, wants=None),
        a_timeline("both"),
        a_timeline("sending", state=State.SENDING, wants=None, owner="gateway-1", due_at=FAR),
        a_timeline("ended", state=State.ROLLED_BACK, wants=None),
        a_timeline("later", state=State.ROLLING_BACK, wants=None, due_at=FAR),
        a_timeline("flying", state=State.CONFIRMING, wants=None, due_at=FAR, owner="gateway-1"),
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


def test_retry_hastens_what_is_due_later_and_leaves_its_schedule(deployment: Deployment) -> None:
    assert deployment.run("retry", "later", *SIGNED).out == "1 will be sent again\n"
    found = deployment.find("default", key("later"))
    assert found is not None
    reason = found.reasons[-1]
    assert (reason.source, reason.who) == (Source.PERSON, "anna")
    transfer = found.transfer
    assert (transfer.state, transfer.due_at, transfer.tries) == (State.ROLLING_BACK, reason.at, 58)


def test_retry_of_all_that_are_due_later_leaves_what_is_in_flight_or_parked(deployment: Deployment) -> None:
    run = ("retry", "--all-undelivered", "--operator", "acme", "--direction", "withdraw", "--rate", "1", *SIGNED)
    deployment.keep("default", a_timeline("too", state=State.CONFIRMING, wants=None, due_at=FAR))
    assert deployment.run(*run).out == "2 will be sent again, the last in 1 s\n"
    assert state_of(deployment, "one") is State.PARKED
    assert last_reason(deployment, "flying").source is Source.GAME


def test_retry_finds_what_a_gateway_has_just_written_though_the_clock_was_set_back(deployment: Deployment) -> None:
    ahead = time.time() + 3600
    later = a_timeline("just written", state=State.CONFIRMING, wants=None)
    written = msgspec.structs.replace(later.transfer, changed_at=ahead, due_at=ahead + 600)
    deployment.keep("default", msgspec.structs.replace(later, transfer=written))
    asyncio.run(renew_lease(deployment, ahead + 20))
    ran = deployment.run("retry", "--all-undelivered", "--operator", "acme", *SIGNED)
    assert ran.status == 0, ran.err
    found = deployment.find("default", written.key)
    assert found is not None
    assert found.transfer.due_at == pytest.approx(ahead, abs=30)


async def renew_lease(deployment: Deployment, until: float) -> None:
    settings = JournalSettings(url=deployment.url("default"))
    journal = await open_journal("default", settings, Metrics(), SystemClock(), beside=True)
    await journal.renew_lease(Instance(id="gateway", started_at=until - 60, lease_until=until))
    await journal.close()


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
        (["held"], "held is held: only the game can decide how it ends; ask the game's people"),
        (["sending"], "sending is sending: the operator has not answered the withdraw yet; it goes on by itself"),
        (["ended"], "ended is rolled back: it has ended, and nothing is left to do"),
        (["later", "flying"], f"flying is being tried right now by gateway-1; {WAIT}"),
        (["both"], f"both is an id of {BOTH}; say which with --operator and --direction"),
    ],
)
def test_retry_says_why_it_does_nothing(deployment: Deployment, arguments: list[str], said: str) -> None:
    ran = deployment.run("retry", *arguments, *SIGNED)
    assert ran == (1, "", f"mm-gateway: {said}\n")
    assert last_reason(deployment, "later").source is Source.GAME


@pytest.mark.parametrize(
    "arguments, said",
    [
        ([], WHICH),
        (["one", "--all-parked", "--operator", "acme"], WHICH),
        (["--all-parked", "--all-undelivered", "--operator", "acme"], WHICH),
        (["--all-parked"], "--all-parked needs --operator"),
        (["--all-undelivered"], "--all-undelivered needs --operator"),
        (["one", "--rate", "0"], "Invalid value for '--rate': Input should be greater than or equal to 1"),
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


def test_resolve_ends_what_is_being_delivered_unless_it_is_in_flight(deployment: Deployment) -> None:
    assert resolved(deployment, "later", "rolled_back") == (0, "later is rolled back\n", "")
    assert last_reason(deployment, "later").who == "anna"
    ran = resolved(deployment, "flying", "confirmed")
    assert ran == (1, "", f"mm-gateway: flying is being tried right now by gateway-1; {WAIT}\n")
    assert state_of(deployment, "flying") is State.CONFIRMING


def test_a_decision_that_is_being_delivered_is_not_turned_round_either(deployment: Deployment) -> None:
    ran = resolved(deployment, "later", "confirmed")
    assert ran.status == 1
    assert ran.err.startswith("mm-gateway: later was decided to be rolled back, and a decision is final")


def test_a_decision_is_never_turned_round(deployment: Deployment) -> None:
    ran = resolved(deployment, "two", "rolled_back")
    assert ran.status == 1
    assert ran.err.startswith("mm-gateway: two was decided to be confirmed, and a decision is final")
    assert state_of(deployment, "two") is State.PARKED


def resolved(deployment: Deployment, id: str, end: str, *arguments: str) -> Ran:
    return deployment.run("resolve", id, "--as", end, *SIGNED, "--yes", *arguments)
