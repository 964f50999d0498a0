from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.machines.debian import folder_for, missing
from tests.machines.surroundings import mirror_among, pip_variables
from tests.tidy.tree import ROOT


def test_the_mirror_is_the_one_that_apt_uses_for_the_release_itself() -> None:
    targets = """
bookworm-security http://mirror.example/debian-security/
bookworm http://mirror.example/debian/
bookworm-updates http://mirror.example/debian/
"""
    assert mirror_among(targets) == "http://mirror.example/debian/"
    assert mirror_among("") is None


def test_what_pip_is_told_of_the_network_holds_in_the_new_system_and_this_machine_s_files_do_not() -> None:
    listed = """
:env:.timeout='180'
global.cert='/etc/ssl/some.crt'
global.find-links='/wheels'
global.timeout='10'
global.trusted-host='file:///wheels packages.example'
"""
    assert pip_variables(listed) == {
        "PIP_CERT": "/etc/ssl/some.crt",
        "PIP_TIMEOUT": "180",
        "PIP_TRUSTED_HOST": "packages.example",
    }


def test_what_is_missing_is_told_by_name() -> None:
    assert missing(0, lambda program: program) == []
    assert missing(1000, {"unshare": "", "chroot": "", "git": ""}.get) == ["root", "debootstrap"]


def test_without_what_it_needs_it_says_so_in_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.machines", "--dist", "trixie"],
        cwd=ROOT, env={"PATH": "/nonexistent"}, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (2, "")
    assert "debootstrap" in done.stdout
    assert done.stdout.count("\n") == 1


@pytest.mark.parametrize(
    "given, asked",
    [
        ((), "--dist trixie --workers 2"),
        (("DIST=forky", "WHO=root", "WORKERS=1"), "--dist forky --as root --workers 1"),
    ],
)
def test_make_asks_for_what_it_is_given(given: tuple[str, ...], asked: str) -> None:
    words = ("make", "--dry-run", "--no-print-directory", "test-on", f"PYTHON={sys.executable}", *given)
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(words, cwd=ROOT, env=plain, check=True, capture_output=True, text=True)
    assert " ".join(done.stdout.split()) == f"{sys.executable} -m tests.machines {asked}"


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit, RuntimeError])
def test_a_system_s_folder_is_gone_however_it_ends(end: type[BaseException], tmp_path: Path) -> None:
    def used() -> None:
        with folder_for("trixie", tmp_path) as folder:
            (folder / "usr").mkdir()
            assert folder.stat().st_mode & 0o777 == 0o755
            raise end

    with pytest.raises(end):
        used()
    assert list(tmp_path.iterdir()) == []
