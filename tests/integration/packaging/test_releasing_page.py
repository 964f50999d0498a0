"""The page on releases: its commands name what there is, the build that it prints makes the whole wheel, and the
modules that it calls public are enough to write an adapter."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest

from gateway import operators
from tests.tidy.tree import PRODUCT, ROOT, files

PAGE = (ROOT / "docs" / "releasing.md").read_text(encoding="utf-8")
SHELL = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PUBLIC_MODULE = re.compile(r"^\| `(gateway\.[a-z_.]+)` \|", re.MULTILINE)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def commands() -> list[list[str]]:
    return [shlex.split(line) for block in SHELL.findall(PAGE) for line in block.splitlines()]


def is_a_target(words: list[str]) -> bool:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return bool(re.search(rf"^{words[1]}:", makefile, re.MULTILINE))


def is_ignored_by_git(words: list[str]) -> bool:
    """Whether what is removed could never be a file of the project."""
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    return all(f"{path.partition('/')[0]}/" in ignored for path in words[2:])


KNOWN: dict[str, Callable[[list[str]], bool]] = {
    "make": is_a_target,
    "rm": is_ignored_by_git,
    ".venv/bin/python": lambda words: words[1:4] == ["-m", "pip", "wheel"],
    "git": lambda words: words[1] in {"tag", "push"},
}
"""What can be said of a command that is not run here."""


@pytest.mark.parametrize("words", [pytest.param(words, id=" ".join(words)[:70]) for words in commands()])
def test_every_command_names_what_there_is(words: list[str]) -> None:
    assert KNOWN[words[0]](words)


@pytest.fixture
def wheel(tmp_path: Path) -> ZipFile:
    """Made by the command of the page, without network, in a copy of the project's files."""
    for path in files():
        if path.parts[0] in {*PRODUCT, "pyproject.toml", "README.md", "LICENSE", "requirements"}:
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, tmp_path / path)
    ((_, *build),) = (words for words in commands() if words[0] == ".venv/bin/python")
    ran = subprocess.run(
        [sys.executable, *build],
        cwd=tmp_path,
        env={**os.environ, "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    (made,) = (tmp_path / "dist").iterdir()
    return ZipFile(made)


def test_the_wheel_holds_every_file_of_the_program_and_nothing_else(wheel: ZipFile) -> None:
    ours = {str(path) for path in files() if path.parts[0] in PRODUCT}
    described = f"mm_wallet_gateway-{PROJECT['version']}.dist-info/"
    assert {name for name in wheel.namelist() if not name.startswith(described)} == ours
    entry_points = wheel.read(f"{described}entry_points.txt").decode()
    assert [name for name in PROJECT["entry-points"] if f"[{name}]" not in entry_points] == []
    assert "mm-gateway = gateway.cli:main" in entry_points


def test_an_adapter_needs_nothing_that_the_page_does_not_call_public() -> None:
    adapters_page = (ROOT / "docs" / "adapters.md").read_text(encoding="utf-8")
    imported = set(re.findall(r"^from (gateway\.[a-z_.]+) import", adapters_page, re.MULTILINE))
    assert imported
    assert imported - set(PUBLIC_MODULE.findall(PAGE)) == set()


def test_every_name_of_the_operators_package_that_is_public_is_there() -> None:
    assert "gateway.operators" in PUBLIC_MODULE.findall(PAGE)
    assert [name for name in operators.__all__ if not hasattr(operators, name)] == []
