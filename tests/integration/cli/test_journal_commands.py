"""Commands that read journals, as real processes on real files."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import msgspec
import pytest

from gateway.cli.all_journals import require_file
from gateway.cli.errors import CommandFailed
from gateway.reasons import Source
from gateway.records import Decision, Reason, State
from gateway.settings import JournalSettings
from tests.support.commands import OPENED_AT, TOKEN, Deployment, a_timeline, run


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    made = Deployment(tmp_path)
    made.keep("default", a_timeline("old", age_s=7200), a_timeline("held", state=State.HELD, wants=None))
    made.keep("big", a_timeline("new", operator="beta", age_s=60, state=State.CONFIRMED, wants=None))
    made.keep("spare")
    return made


def test_transfers_of_all_journals_are_listed_newest_first(deployment: Deployment) -> None:
    ran = deployment.run("transfers")
    assert ran.status == 0
    assert [(row[0], row[1], row[3]) for row in ran.table[1:]] == [
        ("2026-01-01T00:00:00.000Z", "acme", "held"),
        ("2025-12-31T23:59:00.000Z", "beta", "new"),
        ("2025-12-31T22:00:00.000Z", "acme", "old"),
    ]
    assert "parked (rollback undelivered)" in ran.out
    assert ran.err == "3 shown\n"


@pytest.mark.parametrize(
    "options, ids",
    [
        (["--operator", "acme"], ["held", "old"]),
        (["--state", "parked"], ["old"]),
        (["--state", "held", "--state", "confirmed"], ["held", "new"]),
        (["--direction", "deposit"], []),
        (["--player", "player-1", "--id", "new"], ["new"]),
        (["--since", "2025-12-31T23:00Z"], ["held", "new"]),
        (["--until", "2025-12-31T23:00"], ["old"]),
        (["--limit", "1"], ["held"]),
    ],
)
def test_transfers_are_found_by_what_is_known_of_them(
    deployment: Deployment, options: list[str], ids: list[str]
) -> None:
    assert [each["id"] for each in deployment.run("transfers", "--json", *options).json] == ids


def test_one_transfer_is_shown_with_all_that_happened_to_it_and_without_its_token(deployment: Deployment) -> None:
    ran = deployment.run("transfers", "show", "old")
    assert ran.status == 0
    assert "1234567890123456.78 XAG" in ran.out
    assert "2025-12-31T22:00:00.000Z  opened" in ran.out
    assert "withdraw: unknown" in ran.out
    assert "5000.0 ms, timed out" in ran.out
    assert "[withdraw_failed] Withdraw request failed: old." in ran.out
    assert TOKEN not in ran.out + deployment.run("transfers", "show", "old", "--json").out


NOT_UTF_8 = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
"""A locale in which Python writes ASCII by itself."""


@pytest.mark.parametrize("options", [(), ("--json",)], ids=["for people", "for machines"])
def test_what_is_told_is_utf_8_in_every_locale(deployment: Deployment, options: tuple[str, ...]) -> None:
    deployment.keep("spare", a_timeline("sword", description="Schwert für 剣士"))
    ran = deployment.run("transfers", "show", "sword", *options, environ=NOT_UTF_8)
    assert (ran.status, ran.err) == (0, "")
    assert "Schwert für 剣士" in ran.out


def test_a_transfer_is_found_in_whichever_journal_it_is(deployment: Deployment) -> None:
    (shown,) = deployment.run("transfers", "show", "new", "--json").json
    assert shown["transfer"]["operator"] == "beta"
    assert shown["transfer"]["amount"] == "1234567890123456.78 XAG"
    assert shown["attempts"][0]["verdict"] == "unknown"
    assert shown["reasons"][0]["text"] == "Withdraw request failed: new."


def test_a_try_tells_whose_session_it_was_made_with(deployment: Deployment) -> None:
    timeline = a_timeline("tried")
    (first,) = timeline.attempts
    later = msgspec.structs.replace(first, player="player-4", session="later", detail="error 101")
    stranger = msgspec.structs.replace(first, session="own", detail="")
    untold = msgspec.structs.replace(first, player="player-5", detail="")
    timeline.attempts.extend([later, stranger, untold])
    deployment.keep("default", timeline)
    shown = deployment.run("transfers", "show", "tried").out
    assert [line.partition("5000.0 ms, ")[2].rstrip() for line in shown.splitlines() if "5000.0 ms" in line] == [
        "timed out",
        "session of player-4 (later), error 101",
        "session of a player not known here (own)",
        "session of player-5",
    ]
    (told,) = deployment.run("transfers", "show", "tried", "--json").json
    assert [(each["player"], each["session"]) for each in told["attempts"]] == [
        (None, None),
        ("player-4", "later"),
        (None, "own"),
        ("player-5", None),
    ]


def test_a_transfer_tells_what_the_operator_gave_for_later_calls(deployment: Deployment) -> None:
    timeline = a_timeline("known")
    memory = {"transaction": "t-77", "note": "two\nlines"}
    transfer = msgspec.structs.replace(timeline.transfer, memory=memory)
    deployment.keep("default", msgspec.structs.replace(timeline, transfer=transfer))
    lines = deployment.run("transfers", "show", "known").out.splitlines()
    start = lines.index("memory")
    assert lines[start : start + 4] == ["memory", "transaction=t-77", r"note=two\nlines", ""]
    assert "memory" not in deployment.run("transfers", "show", "old").out
    (shown,) = deployment.run("transfers", "show", "known", "--json").json
    assert shown["transfer"]["memory"] == memory


def test_a_reason_that_was_given_again_tells_how_often_and_when_last(deployment: Deployment) -> None:
    timeline = a_timeline("again", operator="beta")
    timeline.reasons[:] = [msgspec.structs.replace(timeline.reasons[0], times=5, last_at=OPENED_AT + 60)]
    deployment.keep("big", timeline)
    repeated = "×5, last 2026-01-01T00:01:00.000Z"
    assert (
        f"[withdraw_failed] Withdraw request failed: again. ({repeated})"
        in deployment.run("transfers", "show", "again").out
    )
    assert deployment.run("rollbacks", "--text", "again").out.count(repeated) == 1
    assert "×" not in deployment.run("rollbacks", "--text", "new").out
    (row,) = csv.DictReader(io.StringIO(deployment.run("rollbacks", "--csv", "--text", "again").out))
    assert (row["times"], row["last_at"]) == ("5", "2026-01-01T00:01:00.000Z")
    told = deployment.run("rollbacks", "--json", "--operator", "beta").json
    assert [(each["id"], each["times"], each["last_at"]) for each in told] == [
        ("again", 5, "2026-01-01T00:01:00.000Z"),
        ("new", 1, None),
    ]
    sums = deployment.run("rollbacks", "--sum", "--json", "--operator", "beta").json
    assert [each["count"] for each in sums] == [6]


@pytest.mark.parametrize("filtered", [[], ["--operator", "acme"], ["--direction", "withdraw"]])
def test_options_of_show_may_stand_before_and_after_it(deployment: Deployment, filtered: list[str]) -> None:
    config, options = ["--config", str(deployment.config)], [*filtered, "--json"]
    after = run("transfers", "show", "old", *options, *config)
    assert [each["transfer"]["id"] for each in after.json] == ["old"]
    assert run("transfers", *config, *options, "show", "old") == after
    assert run("transfers", *options, "show", "old", *config) == after
    elsewhere = run("transfers", *config, "show", "old", environ={"MM_GATEWAY_CONFIG": "/no/such.yaml"})
    assert elsewhere.status == 0, "what is written goes before what the environment says"


def test_an_option_before_show_that_show_does_not_have_is_refused(deployment: Deployment) -> None:
    config = ["--config", str(deployment.config)]
    refused = (2, "", "mm-gateway: No such option: --state\n")
    assert run("transfers", *config, "--state", "parked", "show", "old") == refused


def test_a_value_that_is_called_like_a_command_is_a_value(deployment: Deployment) -> None:
    assert deployment.run("transfers", "--player", "show", "--json").json == []


def test_a_transfer_that_is_nowhere_is_a_failure_in_one_line(deployment: Deployment) -> None:
    assert deployment.run("transfers", "show", "none") == (1, "", "mm-gateway: there is no transfer none\n")


def test_rollback_reasons_are_listed_filtered_and_summed(deployment: Deployment) -> None:
    person = Reason(text="=1+1 told \x1b[31m us", source=Source.PERSON, category="other", at=1.0, who="anna")
    timeline = a_timeline("third", operator="beta")
    timeline.reasons.append(person)
    deployment.keep("big", timeline)

    assert len(deployment.run("rollbacks").table) == 6
    assert "\\x1b[31m us" in deployment.run("rollbacks", "--source", "person").out
    listed = deployment.run("rollbacks", "--json", "--operator", "beta", "--text", "REQUEST FAILED: N").json
    assert [each["id"] for each in listed] == ["new"]
    rows = list(csv.DictReader(io.StringIO(deployment.run("rollbacks", "--csv", "--category", "other").out)))
    assert [(row["id"], row["who"], row["text"]) for row in rows] == [("third", "anna", "'=1+1 told \\x1b[31m us")]
    assert deployment.run("rollbacks", "--sum", "--json").json == [
        {"operator": "acme", "source": "game", "category": "withdraw_failed", "count": 2},
        {"operator": "beta", "source": "game", "category": "withdraw_failed", "count": 2},
        {"operator": "beta", "source": "person", "category": "other", "count": 1},
    ]


def test_a_journal_is_copied_and_can_be_copied_again(deployment: Deployment) -> None:
    first = deployment.run("journal", "copy", "--to", "spare")
    told = "copied and compared 2 transfers and 0 sessions\nmoved from default to spare: acme\n"
    assert (first.status, first.out) == (0, told)
    assert "100 %: 2 of 2 rows" in first.err
    second = deployment.run("journal", "copy", "--from", "default", "--to", "spare")
    assert (second.status, second.out.splitlines()[-1]) == (0, "had moved from default before: acme")
    assert [row["journal"] for row in deployment.run("transfers", "--id", "old", "--json").json] == ["spare"]


@pytest.mark.parametrize(
    "options, said",
    [
        (["--to", "none"], "no journal 'none'; configured: default, big, spare"),
        (["--to", "default"], "--from and --to are the same journal"),
        ([], "Missing option '--to'."),
    ],
)
def test_a_journal_is_not_copied_to_nowhere_or_onto_itself(
    deployment: Deployment, options: list[str], said: str
) -> None:
    assert deployment.run("journal", "copy", *options) == (2, "", f"mm-gateway: {said}\n")


def test_a_command_that_looks_creates_no_journal(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path)
    ran = deployment.run("transfers")
    assert ran.status == 1
    assert ran.err == (
        f"mm-gateway: the journal default has no file {tmp_path / 'default.db'}; "
        "start the gateway once, or run the command on its machine\n"
    )
    assert not list(tmp_path.glob("*.db"))


def test_a_journal_that_lies_beside_the_process_is_looked_for_in_a_folder_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    journal = JournalSettings(url="sqlite:///journal.db")
    with pytest.raises(CommandFailed) as raised:
        require_file("default", journal)
    assert str(raised.value) == (
        f"the journal default has no file journal.db in {tmp_path}; run the command where the gateway runs"
    )


def test_migrate_creates_what_is_missing_and_says_what_it_did(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path)
    first, second = deployment.run("migrate"), deployment.run("migrate")
    assert first.status == second.status == 0
    assert first.out.startswith("default: applied ")
    assert second.out == "default: up to date\nbig: up to date\nspare: up to date\n"


def test_the_configuration_may_be_named_by_the_environment(deployment: Deployment) -> None:
    ran = run("transfers", "--json", environ={"MM_GATEWAY_CONFIG": str(deployment.config)})
    assert len(ran.json) == 3
    assert run("transfers") == (
        2,
        "",
        "mm-gateway: which configuration? Give --config FILE, or set MM_GATEWAY_CONFIG\n",
    )


def test_a_parked_confirm_shows_what_it_waits_for(deployment: Deployment) -> None:
    deployment.keep("default", a_timeline("parked", wants=Decision.CONFIRM))
    (shown,) = deployment.run("transfers", "--id", "parked", "--json").json
    assert (shown["state"], shown["wants"]) == ("parked", "confirm")
