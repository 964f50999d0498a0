"""`mm-gateway adapters` and `adapters check`, as real processes, with a plugin beside the adapters that ship."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from gateway.testing.behaviours import BEHAVIOURS
from tests.support.commands import PROGRAM, Ran
from tests.tidy.tree import ROOT

PLUGIN = """\
from adapters.quantum import Quantum
from adapters.quantum.simulated import SimulatedQuantum
from gateway.operators import Declined, Receipt


class Careless(Quantum):
    async def rollback_withdrawal(self, transfer):
        try:
            return await super().rollback_withdrawal(transfer)
        except Declined:
            return Receipt()


class SimulatedCareless(SimulatedQuantum):
    currencies = ("XAG",)
    exemptions = {"currencies_of_any_places_are_carried": "it has one currency"}
"""

ENTRY_POINTS = """\
[mm_gateway.adapters]
careless = careless:Careless
broken = careless:Missing
lonely = careless:Careless

[mm_gateway.simulated]
careless = careless:SimulatedCareless
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    """A folder with an installed distribution of three adapters: one loses money, two cannot be checked."""
    (tmp_path / "careless.py").write_text(PLUGIN)
    info = tmp_path / "careless_wallet-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: careless-wallet\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    return tmp_path


FEW = """\
import importlib.metadata as metadata

found = metadata.entry_points
NAMES = {"quantum", "careless", "broken", "lonely"}


def few(**query):
    return metadata.EntryPoints(one for one in found(**query) if one.name in NAMES)


metadata.entry_points = few
"""
"""Run at the start of a process by its name: the suite of all the adapters that ship would take a minute each time."""


@pytest.fixture
def few(plugin: Path) -> Path:
    """The same, and of the adapters that ship one alone is installed."""
    (plugin / "usercustomize.py").write_text(FEW)
    (plugin / "sitecustomize.py").write_text(FEW)
    return plugin


def run(plugin: Path, *arguments: str) -> Ran:
    done = subprocess.run(
        [PROGRAM, "adapters", *arguments],
        env={**os.environ, "PYTHONPATH": f"{plugin}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def rows(ran: Ran) -> dict[str, Any]:
    return {row["adapter"]: row for row in json.loads(ran.out)}


def test_adapters_lists_what_is_installed_with_its_capabilities(plugin: Path) -> None:
    ran = run(plugin, "--json")
    assert ran.status == 0
    listed = rows(ran)
    assert (listed["hub88"]["interface"], listed["hub88"]["capabilities"]) == (1, ["deposits", "needs_player"])
    assert (listed["careless"]["distribution"], listed["careless"]["version"]) == ("careless-wallet", "1.2")
    assert "Missing" in listed["broken"]["problem"]
    assert listed["lonely"]["problem"] == "it brings no simulated operator (entry point group mm_gateway.simulated)"
    assert "grade" not in listed["careless"]


def test_adapters_prints_a_table_for_people(plugin: Path) -> None:
    ran = run(plugin)
    assert "quantum" in ran.out
    assert "careless-wallet" in ran.out


def test_check_fails_an_adapter_that_loses_money_and_shows_where(plugin: Path) -> None:
    ran = run(plugin, "check", "careless")
    assert ran.status == 1
    assert ran.err == "mm-gateway: 1 of 1 adapters failed: careless\n"
    assert "  FAILED  a_late_hold_is_undone" in ran.out
    assert "expected  10000000000000000000000000 XAG again" in ran.out
    assert "  exempt  currencies_of_any_places_are_carried: it has one currency" in ran.out
    assert "careless: grade none" in ran.out


def test_check_tells_programs_the_same(plugin: Path) -> None:
    ran = run(plugin, "check", "--json", "careless")
    (report,) = json.loads(ran.out)
    assert (report["adapter"], report["grade"]) == ("careless", None)
    results = {each["behaviour"]: each for each in report["results"]}
    assert set(results) == set(BEHAVIOURS)
    assert results["a_late_hold_is_undone"]["mismatches"][0]["sent"].startswith("POST /wallet/rollbackWithdrawal")
    assert results["currencies_of_any_places_are_carried"]["exemption"] == "it has one currency"


@pytest.mark.parametrize(
    "arguments, status, said",
    [
        ((), 2, "name one adapter, or give --all"),
        (("careless", "--all"), 2, "name one adapter, or give --all"),
        (("nope",), 2, "there is no adapter 'nope'; installed are: "),
        (("lonely",), 1, "adapter 'lonely': it brings no simulated operator"),
    ],
)
def test_check_says_what_it_cannot_check(plugin: Path, arguments: tuple[str, ...], status: int, said: str) -> None:
    ran = run(plugin, "check", *arguments)
    assert ran.status == status
    assert said in ran.err


def test_check_of_all_says_what_it_cannot_check(few: Path) -> None:
    ran = run(few, "check", "--all")
    assert ran.status == 1
    assert "adapter 'broken': " in ran.err


def test_the_grade_is_played_where_it_is_asked_for(few: Path) -> None:
    listed = rows(run(few, "--grade", "--json"))
    assert {name: row["grade"] for name, row in listed.items() if name != "broken"} == {
        "careless": "none: money could be lost",
        "lonely": "",
        "quantum": "gold",
    }
