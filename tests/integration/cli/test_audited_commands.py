"""What a person does by hand has its line in the audit stream, or is not done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.records import State
from tests.support.commands import Deployment, a_timeline, key

FAR = 4_000_000_000.0
SIGNED = ("--who", "anna", "--why", "seen at the operator")


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    made = Deployment(tmp_path)
    later = a_timeline("later", state=State.ROLLING_BACK, wants=None, due_at=FAR)
    made.keep("default", a_timeline("parked"), a_timeline("other"), later)
    made.keep("big")
    made.keep("spare")
    made.configure(log={"audit": str(tmp_path / "audit.log")})
    return made


def audited(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "audit.log").read_text().splitlines()]


def test_each_transfer_that_is_acted_on_has_a_line_also_one_whose_state_stays(
    deployment: Deployment, tmp_path: Path
) -> None:
    assert deployment.run("retry", "parked", "later", *SIGNED).status == 0
    assert deployment.run("resolve", "other", "--as", "rolled_back", "--yes", *SIGNED).status == 0
    lines = audited(tmp_path)
    assert [(line["id"], line["from"], line["to"]) for line in lines] == [
        ("parked", "parked", "rolling_back"),
        ("later", "rolling_back", "rolling_back"),
        ("other", "parked", "rolled_back"),
    ]
    assert {(line["by"], line["who"], line["why"], line["instance"]) for line in lines} == {
        ("person", "anna", "seen at the operator", "")
    }


def test_nobody_acts_by_hand_where_the_audit_file_cannot_be_written(deployment: Deployment, tmp_path: Path) -> None:
    deployment.configure(log={"audit": str(tmp_path / "missing" / "audit.log")})
    for words in (("retry", "parked"), ("resolve", "other", "--as", "rolled_back", "--yes")):
        ran = deployment.run(*words, *SIGNED)
        assert ran.status == 1
        assert "log.audit: cannot write" in ran.err
    for id in ("parked", "other"):
        found = deployment.find("default", key(id))
        assert found is not None
        assert found.transfer.state is State.PARKED


def test_looking_writes_nothing(deployment: Deployment, tmp_path: Path) -> None:
    assert deployment.run("transfers").status == 0
    assert not (tmp_path / "audit.log").exists()
