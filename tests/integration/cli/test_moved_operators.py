"""What commands say and do of an operator that has moved to another journal, as real processes on real files."""

from __future__ import annotations

import base64
import csv
import io
from pathlib import Path

import pytest

from gateway.crashpoints import ENVIRONMENT
from gateway.records import Decision, State
from tests.support.commands import Deployment, a_timeline, key, operator

ACT = ("--who", "anna", "--why", "settled by phone")
COPY = ("journal", "copy", "--operator", "acme", "--to", "spare")
POINTS = ("move.arriving", "move.copied", "move.moved")


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    """acme is in the journal default, beta in big."""
    made = Deployment(tmp_path)
    made.keep("default", a_timeline("parked"), a_timeline("held", state=State.HELD, wants=None))
    made.keep("big", a_timeline("other", operator="beta"))
    made.keep("spare")
    return made


def move(deployment: Deployment) -> None:
    ran = deployment.run(*COPY)
    assert ran.status == 0, ran.err
    deployment.configure(operators={"acme": operator("JohnDoe", journal="spare"), "beta": beta()})


def beta() -> dict[str, object]:
    return operator("JaneDoe", journal="big")


def test_the_copy_says_what_has_moved_and_what_to_do(deployment: Deployment) -> None:
    ran = deployment.run(*COPY)
    assert ran.out == "copied and compared 2 transfers and 0 sessions\nmoved from default to spare: acme\n"
    assert "no gateway starts with acme in default any more: write `journal: spare` at each\n" in ran.err
    again = deployment.run(*COPY)
    assert again.out == "copied and compared 0 transfers and 0 sessions\nhad moved from default before: acme\n"


def test_sessions_are_not_copied_out_of_encryption(deployment: Deployment) -> None:
    key = base64.b64encode(bytes(32)).decode()
    deployment.configure(journal={"url": deployment.url("default"), "encryption_key": key})
    ran = deployment.run(*COPY)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith("mm-gateway: the journal default has an encryption_key and spare has none: its sessions")


def test_a_transfer_that_has_moved_is_shown_once_with_its_journal(deployment: Deployment) -> None:
    move(deployment)
    rows = deployment.run("transfers", "--json").json
    assert sorted((row["id"], row["journal"]) for row in rows) == [
        ("held", "spare"),
        ("other", "big"),
        ("parked", "spare"),
    ]
    assert deployment.run("transfers", "--operator", "acme").table[1][-1] == "spare"
    (shown,) = deployment.run("transfers", "show", "parked", "--json").json
    assert shown["journal"] == "spare"
    assert deployment.run("transfers", "show", "parked").table[1][0] == "spare"
    reasons = deployment.run("rollbacks", "--json").json
    assert sorted((row["id"], row["journal"]) for row in reasons) == sorted((row["id"], row["journal"]) for row in rows)
    listed = csv.DictReader(io.StringIO(deployment.run("rollbacks", "--csv", "--operator", "acme").out))
    assert {row["journal"] for row in listed} == {"spare"}
    sums = deployment.run("rollbacks", "--sum", "--json", "--operator", "acme").json
    assert [row["count"] for row in sums] == [2]


def test_with_one_journal_a_list_for_people_has_no_column_for_it(deployment: Deployment) -> None:
    deployment.configure(journals={}, operators={"acme": operator("JohnDoe")})
    assert "journal" not in deployment.run("transfers").table[0]
    assert "journal" not in deployment.run("rollbacks").table[0]
    assert deployment.run("transfers", "--id", "held", "--json").json[0]["journal"] == "default"


@pytest.mark.parametrize(
    "command", [("retry", "parked"), ("retry", "--all-parked", "--operator", "acme")], ids=["one", "all"]
)
def test_a_retry_acts_on_the_row_that_counts(deployment: Deployment, command: tuple[str, ...]) -> None:
    move(deployment)
    ran = deployment.run(*command, *ACT)
    assert (ran.status, ran.out) == (0, "1 will be sent again\n"), ran.err
    states = {name: deployment.find(name, key("parked")) for name in ("default", "spare")}
    assert {name: found and found.transfer.state for name, found in states.items()} == {
        "default": State.PARKED,
        "spare": State.ROLLING_BACK,
    }


def test_a_person_resolves_the_row_that_counts(deployment: Deployment) -> None:
    move(deployment)
    ran = deployment.run("resolve", "parked", "--as", "rolled_back", "--yes", *ACT)
    assert ran.status == 0, ran.err
    stale, true = deployment.find("default", key("parked")), deployment.find("spare", key("parked"))
    assert stale is not None
    assert true is not None
    assert (stale.transfer.state, true.transfer.state) == (State.PARKED, State.ROLLED_BACK)


def test_of_two_rows_without_a_mark_the_one_in_the_operators_journal_is_acted_on(deployment: Deployment) -> None:
    deployment.keep("spare", a_timeline("parked", wants=Decision.CONFIRM))
    deployment.configure(operators={"acme": operator("JohnDoe", journal="spare"), "beta": beta()})
    listed = deployment.run("transfers", "--id", "parked", "--json").json
    assert sorted(row["journal"] for row in listed) == ["default", "spare"]
    ran = deployment.run("resolve", "parked", "--as", "confirmed", "--yes", *ACT)
    assert ran.status == 0, ran.err
    stale, true = deployment.find("default", key("parked")), deployment.find("spare", key("parked"))
    assert stale is not None
    assert true is not None
    assert (stale.transfer.state, true.transfer.state) == (State.PARKED, State.CONFIRMED)


@pytest.mark.parametrize("point", POINTS)
def test_a_copy_that_is_killed_has_moved_nothing_or_everything(deployment: Deployment, point: str) -> None:
    killed = deployment.run(*COPY, environ={ENVIRONMENT: point})
    assert (killed.status, killed.err.splitlines()[-1]) == (-9, f"killed at crash point {point}")
    home = "spare" if point == "move.moved" else "default"
    rows = deployment.run("transfers", "--operator", "acme", "--json").json
    assert {(row["id"], row["journal"]) for row in rows} == {("held", home), ("parked", home)}
    assert len(rows) == 2
    assert deployment.run("rollbacks", "--sum", "--json", "--operator", "acme").json[0]["count"] == 2
    assert deployment.run(*COPY).status == 0
    rows = deployment.run("transfers", "--operator", "acme", "--json").json
    assert sorted((row["id"], row["journal"]) for row in rows) == [("held", "spare"), ("parked", "spare")]


def test_a_check_says_where_an_operator_has_gone(deployment: Deployment) -> None:
    assert deployment.run(*COPY).status == 0
    ran = deployment.run("check", "--probe")
    assert "operators.acme.journal: the transfers of acme are not in the journal default any more" in ran.out
    assert "they moved to spare at" in ran.out
    deployment.configure(operators={"acme": operator("JohnDoe", journal="spare"), "beta": beta()})
    assert "are not in the journal" not in deployment.run("check", "--probe").out


def test_an_operator_that_nobody_knows_is_not_moved(deployment: Deployment) -> None:
    ran = deployment.run("journal", "copy", "--operator", "acmee", "--to", "spare")
    assert (ran.status, ran.err) == (2, "mm-gateway: no operator 'acmee'; configured: acme, beta\n")


def test_what_force_risks_is_said_in_its_help_and_when_it_is_given(deployment: Deployment) -> None:
    for command in (COPY, ("migrate",)):
        ran = deployment.run(*command, "--force")
        assert ran.status == 0
        assert ran.err.startswith("--force: ")
    assert "Risk: what they write" in " ".join(deployment.run("journal", "copy", "--help").out.split())
    assert "Risk: their calls fail" in " ".join(deployment.run("migrate", "--help").out.split())
