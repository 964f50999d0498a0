"""What tests need of Debian: found, fetched, or said to be missing, and by all processes of a run alike."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import programs
from tests.support.programs import PACKAGES, Unobtainable, program, why_missing

ROOT = Path(__file__).parents[2]
FILE = """
import pytest

@pytest.mark.needs_programs("promtool")
def test_of_rules():
    from tests.support.programs import program
    assert program("promtool")

def test_of_something_else():
    assert True
"""


@pytest.mark.needs_programs(*PACKAGES)
def test_each_program_starts_as_whoever_runs_the_tests() -> None:
    for name in PACKAGES:
        asked = "-v" if name == "haproxy" else "--version"
        said = subprocess.run([program(name), asked], check=True, capture_output=True, text=True)
        assert re.search(r"\d+\.\d+", said.stdout + said.stderr)


def test_an_installed_program_is_preferred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("promtool", "alertmanager", "google-chrome"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert program("promtool") == tmp_path / "promtool"
    assert program("prometheus-alertmanager") == tmp_path / "alertmanager"
    assert program("chromium-headless-shell") == tmp_path / "google-chrome"


def test_what_cannot_be_had_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "HOME", tmp_path / "home")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unobtainable, match=r"^prometheus is not installed, and without apt-get .*$"):
        program("promtool")


def test_every_process_of_a_run_hears_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else two workers would collect different tests, and the whole run would end there."""
    apt_get = tmp_path / "apt-get"
    for tool in (apt_get, tmp_path / "dpkg"):
        tool.write_text("#!/bin/sh\necho 'E: the network is down' >&2; exit 100\n")
        tool.chmod(0o755)
    monkeypatch.setattr(programs, "HOME", tmp_path / "home")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYTEST_XDIST_TESTRUNUID", "this run")
    first = why_missing(("promtool",))
    assert first == "apt-get update: E: the network is down"
    apt_get.unlink()
    assert why_missing(("promtool",)) == first
    monkeypatch.setenv("PYTEST_XDIST_TESTRUNUID", "the next one")
    assert (
        why_missing(("promtool",))
        == "prometheus is not installed, and without apt-get its Debian package cannot be had"
    )


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_run_goes_on_without_them_and_says_so(tmp_path: Path, workers: str) -> None:
    status, said = _run_tests(tmp_path, workers)
    assert "not tried: 1 tests on real programs: prometheus is not installed" in said
    assert "1 passed" in said
    assert status == 0


def test_continuous_integration_fails_without_them(tmp_path: Path) -> None:
    status, said = _run_tests(tmp_path, "0", CI="true")
    assert "1 failed, 1 passed" in said
    assert "Unobtainable: prometheus is not installed" in said
    assert status == 1


def _run_tests(folder: Path, workers: str, **env: str) -> tuple[int, str]:
    """Exit status and output of a run of `FILE` where none of the programs can be had."""
    home = f"programs.HOME = programs.Path({str(folder)!r})"
    own = f"from tests.conftest import *\nfrom tests.support import programs\n{home}"
    (folder / "conftest.py").write_text(own)
    (folder / "test_file.py").write_text(FILE)
    command = [sys.executable, "-m", "pytest", "-c", "/dev/null", f"--rootdir={folder}", "-n", workers, str(folder)]
    without_ci = {name: value for name, value in os.environ.items() if not name.startswith(("CI", "PYTEST_"))}
    whole = {**without_ci, "PATH": str(folder), "PYTHONPATH": str(ROOT), **env}
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder, env=whole)
    return done.returncode, done.stdout + done.stderr
