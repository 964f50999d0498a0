"""The same checks everywhere: before a commit, in `make lint`, and in continuous integration."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import yaml

from tests.tidy.tree import ROOT

PINNED = re.compile(r"[\w./-]+@[0-9a-f]{40}")


def read(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def commands_of(target: str) -> list[str]:
    """The commands of a make target, as they are run."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (recipe,) = re.findall(rf"^{target}:.*  ## .*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    return [line.strip().replace("$(BIN)", ".venv/bin") for line in recipe.splitlines()]


def test_a_commit_is_checked_by_the_commands_of_make_lint() -> None:
    hooks = [hook for repo in read(".pre-commit-config.yaml")["repos"] for hook in repo["hooks"]]
    assert [hook["entry"] for hook in hooks] == commands_of("lint")
    assert all(hook["always_run"] and not hook["pass_filenames"] for hook in hooks), "as make does: on everything"


def test_nothing_is_fetched_to_check_a_commit() -> None:
    assert {repo["repo"] for repo in read(".pre-commit-config.yaml")["repos"]} == {"local"}


def test_continuous_integration_runs_make_test_on_every_python_that_the_project_names() -> None:
    job = read(".github/workflows/test.yaml")["jobs"]["test"]
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["classifiers"]
    named = [each.rpartition(" ")[2] for each in classifiers if each.startswith("Programming Language :: Python :: 3.")]
    assert job["strategy"]["matrix"]["python"] == named
    assert [step["run"] for step in job["steps"] if "run" in step] == ["make test"]


def test_what_continuous_integration_uses_of_others_is_pinned_to_a_commit() -> None:
    steps = read(".github/workflows/test.yaml")["jobs"]["test"]["steps"]
    used = [step["uses"] for step in steps if "uses" in step]
    assert used
    assert [each for each in used if not PINNED.fullmatch(each)] == []
