"""What a game, an operator or a person has written is shown, and neither a terminal nor a spreadsheet obeys it."""

from __future__ import annotations

import csv
import io
import os
import pty
import subprocess
from pathlib import Path

import msgspec
import pytest

from gateway.reasons import Source
from gateway.records import Attempt, Reason, Session, Verdict
from tests.support.commands import OPENED_AT, PROGRAM, TOKEN, Deployment, Ran, a_timeline, operator, run

HOSTILE = "=1+1;@x\r\x1b[2J\x1b]0;owned\x07\x9b31m\x7f\u202e\u2066\u200f\u2028\u200b\ufeff\u115f\U000e0041 end"
OBEYED = frozenset(HOSTILE) - set("=1+;@x[2J]0owned31m end")
SHOWN = (
    r"=1+1;@x\r\x1b[2J\x1b]0;owned\x07\x9b31m\x7f\u202e\u2066\u200f\u2028\u200b\ufeff\u115f\U000e0041 end"  # as a line
)

COMMANDS = [
    ["transfers"],
    ["transfers", "--json"],
    ["transfers", "show", HOSTILE],
    ["transfers", "show", HOSTILE, "--json"],
    ["rollbacks"],
    ["rollbacks", "--json"],
    ["rollbacks", "--sum", "--csv"],
    ["transfers", "show", f"no {HOSTILE}"],
    ["resolve", f"no {HOSTILE}", "--as", "confirmed", "--reason", "x", "--yes"],
    ["retry", f"no {HOSTILE}", "--reason", "x"],
    ["transfers", f"--{HOSTILE}"],
    [HOSTILE],
    ["adapters", "check", HOSTILE],
    ["launch", HOSTILE],
    ["check", "--config", f"/no/{HOSTILE}"],
]


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    found = Deployment(tmp_path_factory.mktemp("hostile"))
    reason = Reason(text=HOSTILE, source=Source.GAME, category="other", at=OPENED_AT, who=HOSTILE)
    attempt = Attempt(
        call="withdraw", at=OPENED_AT, took_s=1.0, verdict=Verdict.UNKNOWN, detail=HOSTILE, player=HOSTILE
    )
    timeline = a_timeline(HOSTILE, description=HOSTILE, memory={HOSTILE: HOSTILE})
    transfer = msgspec.structs.replace(
        timeline.transfer, session=Session(operator="acme", token=TOKEN, player_id=HOSTILE)
    )
    timeline = msgspec.structs.replace(timeline, transfer=transfer, attempts=[attempt], reasons=[reason])
    found.keep("default", timeline)
    found.keep("big")
    found.keep("spare")
    return found


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words).encode("unicode_escape").decode()[:40])
def test_no_output_holds_what_a_terminal_obeys(deployment: Deployment, words: list[str]) -> None:
    ran = run(*words) if "--config" in words else deployment.run(*words)
    assert OBEYED & set(ran.out + ran.err) == set()


def test_a_line_shows_what_was_written(deployment: Deployment) -> None:
    assert SHOWN in deployment.run("rollbacks").out
    (row,) = deployment.run("rollbacks", "--json").json
    assert row["text"] == HOSTILE


def test_a_spreadsheet_finds_no_formula(deployment: Deployment) -> None:
    out = deployment.run("rollbacks", "--csv").out
    (row,) = csv.DictReader(io.StringIO(out))
    # The carriage return is within quotes, and this process reads every end of a line as a line feed.
    assert row["text"] == "'=1+1;'@x\n" + SHOWN.partition(r"\r")[2]
    assert row["times"] == "1"
    assert OBEYED & set(out) == set()


def on_terminal(deployment: Deployment, *words: str) -> str:
    """What a terminal gets of a command."""
    ours, its = pty.openpty()
    with subprocess.Popen(
        [PROGRAM, *words, "--config", str(deployment.config)], stdin=its, stdout=its, stderr=its, env={**os.environ}
    ):
        os.close(its)
        pieces = []
        try:
            while piece := os.read(ours, 65536):
                pieces.append(piece)
        except OSError:  # how Linux says that the other end is closed
            pass
    os.close(ours)
    return b"".join(pieces).decode().replace("\r\n", "\n")


@pytest.mark.parametrize("form", ["--csv", "--json"])
def test_on_a_terminal_not_even_a_carriage_return_comes_out(deployment: Deployment, form: str) -> None:
    assert OBEYED & set(on_terminal(deployment, "rollbacks", form)) == set()


def test_a_password_in_a_database_s_address_is_in_no_error(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path)
    deployment.configure(
        journal={"url": "postgresql://me:v3ry-Secr3t@127.0.0.1:9/v3ry-Secr3t"}, operators={"acme": operator("me")}
    )
    ran: Ran = deployment.run("transfers")
    assert ran.status == 1
    assert "v3ry-Secr3t" not in ran.out + ran.err
