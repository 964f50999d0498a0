"""What `make deployment` says in the end: a check that could not be made is no check that was made."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.deployment import __main__ as deployment
from tests.support.programs import Unobtainable


def well(_: Path) -> str:
    return ""


def unobtainable(_: Path) -> str:
    raise Unobtainable("the registry cannot be reached")


def broken(_: Path) -> str:
    raise TimeoutError


@pytest.mark.parametrize(
    "checks, status, said",
    [
        ([("sh", "first", well)], 0, "1 checks made, nothing found"),
        ([("sh", "first", well), ("sh", "second", unobtainable)], 1, "1 NOT MADE: sh: second"),
        ([("no-such-program", "third", well)], 1, "1 NOT MADE: no-such-program: third"),
        ([("sh", "fourth", str)], 1, "1 of 1 checks FAILED"),
        ([("sh", "fifth", broken), ("sh", "first", well)], 1, "1 of 2 checks FAILED"),
    ],
)
def test_the_verdict_names_what_could_not_be_made(
    checks: list[tuple[str, str, deployment.Check]],
    status: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(deployment, "CHECKS", tuple(checks))
    monkeypatch.setattr(deployment, "_unpack_programs", lambda: None)
    assert deployment.main() == status
    assert said in capsys.readouterr().out.splitlines()[-1]
