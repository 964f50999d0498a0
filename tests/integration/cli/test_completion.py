"""Real shells complete command lines with the script that `mm-gateway completion` prints."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.commands import PROGRAM, Deployment, run
from tests.support.programs import program

BASH = """
source <(mm-gateway completion bash)
[[ $(complete -p mm-gateway) == *"-F $COMPLETER "* ]] || exit 1
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
"$COMPLETER" mm-gateway
printf '%s\\n' "${COMPREPLY[@]}"
"""
"""What bash itself does at the tab key, with the words of the command line as arguments."""

ZSH = """
compdef() { completer=$1 }
_arguments() { print -r -- "$@" }
_files() { print -r -- files }
source <(mm-gateway completion zsh)
words=("$@"); CURRENT=$#
"$completer"
"""
"""The completion system's own functions are given here: they need a terminal, and modules where Debian puts them."""

FISH = """
mm-gateway completion fish | source
complete --do-complete "$argv"
"""


def asked(shell: list[str], deployment: Deployment, *arguments: str) -> str:
    environ = {
        **os.environ,
        "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}",
        "HOME": str(deployment.folder),
        "COMPLETER": "_mm_gateway_completion",
        "MM_GATEWAY_CONFIG": str(deployment.config),
    }
    ended = subprocess.run([*shell, *arguments], env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


def in_bash(deployment: Deployment, *words: str) -> list[str]:
    bash = shutil.which("bash")
    assert bash is not None
    return asked([bash, "--norc", "-c", BASH, "bash"], deployment, "mm-gateway", *words).split()


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    return Deployment(tmp_path)


@pytest.mark.parametrize(
    "words, offered",
    [
        (("re",), ["reload", "retry", "resolve"]),
        (("transfers", "sh"), ["show"]),
        (("transfers", "show", "--as"), ["--ask"]),
        (("retry", "--operator", ""), ["acme", "beta"]),
        (("transfers", "--operator", "b"), ["beta"]),
        (("launch", "a"), ["acme"]),
        (("transfers", "--state", "ro"), ["rolling_back", "rolled_back"]),
        (("resolve", "1", "--as", ""), ["confirmed", "rolled_back"]),
        (("completion", "z"), ["zsh"]),
        (("--ver",), ["--version"]),
    ],
    ids=" ".join,
)
def test_bash_completes(words: tuple[str, ...], offered: list[str], deployment: Deployment) -> None:
    assert in_bash(deployment, *words) == offered


def test_operators_are_those_of_the_named_file_even_where_it_is_not_complete(deployment: Deployment) -> None:
    other = deployment.folder / "other.yaml"
    other.write_text("operators: {zeta: {adapter: '${NO_SUCH}'}}\n")
    assert in_bash(deployment, "retry", "--config", str(other), "--operator", "") == ["zeta"]
    for text in ("operators: [", "operators: 3", ""):
        other.write_text(text)
        assert in_bash(deployment, "retry", "--config", str(other), "--operator", "") == []


@pytest.mark.needs_programs("zsh")
def test_zsh_completes(deployment: Deployment) -> None:
    zsh = [str(program("zsh")), "-f", "-c", ZSH, "zsh"]
    offered = asked(zsh, deployment, "mm-gateway", "transfers", "--operator", "")
    assert ("acme" in offered, "beta" in offered) == (True, True)
    assert "--state" in asked(zsh, deployment, "mm-gateway", "transfers", "--st")
    assert "files" in asked(zsh, deployment, "mm-gateway", "transfers", "--config", "")


@pytest.mark.needs_programs("fish")
def test_fish_completes(deployment: Deployment) -> None:
    fish = [str(program("fish")), "--no-config", "-c", FISH]
    assert asked(fish, deployment, "mm-gateway re").split() == ["reload", "resolve", "retry"]
    assert asked(fish, deployment, "mm-gateway transfers --operator ").split() == ["acme", "beta"]
    assert asked(fish, deployment, "mm-gateway transfers --sta").startswith("--state\tOnly this state")


def test_another_shell_is_refused() -> None:
    refused = run("completion", "tcsh")
    assert (refused.status, refused.out) == (2, "")
    assert "'bash', 'zsh', 'fish'" in refused.err
