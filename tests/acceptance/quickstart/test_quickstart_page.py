"""docs/quickstart.md as a newcomer follows it: real processes, and every command with what it prints."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest
import yaml

from tests.support.commands import PROGRAM
from tests.support.ports import free_port
from tests.tidy.tree import ROOT

PAGE: Final = (ROOT / "docs" / "quickstart.md").read_text(encoding="utf-8")
STEP: Final = re.compile(
    r"^```sh\n(?P<command>.*?)\n```\n(?:\n```text\n(?P<shown>.*?)\n```\n)?", re.MULTILINE | re.DOTALL
)
PROGRAM_THERE: Final = ".venv/bin/mm-gateway"
PORTS: Final = ("8080", "9090", "9100")
VARYING: Final = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z|\d[\d.]* m?s\b")
"""Moments and durations."""


class Step(NamedTuple):
    """A block of the page: a command, and what it prints; empty where the page does not show it."""

    command: str
    shown: str


def steps() -> list[Step]:
    return [Step(match["command"], match["shown"] or "") for match in STEP.finditer(PAGE)]


class Newcomer:
    """Types what the page shows, in an empty folder; the ports are free ones."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {port: str(free_port()) for port in PORTS}
        self.terminals: list[subprocess.Popen[str]] = []

    def typed(self, command: str) -> list[str]:
        """The words of the command as they are run here."""
        words = [self.with_ports(word) for word in shlex.split(command)]
        words = [str(PROGRAM) if word == PROGRAM_THERE else word for word in words]
        if words[1] == "sandbox":
            words += ["--port", self.ports["9100"]]
        return ["curl", "--silent", "--show-error", *words[1:]] if words[0] == "curl" else words

    def with_ports(self, text: str) -> str:
        for port, here in self.ports.items():
            text = text.replace(f":{port}", f":{here}")
        return text

    def stay(self, command: str, lines: int) -> str:
        """Runs a command that goes on, in a terminal of its own; returns its first lines."""
        process = subprocess.Popen(
            self.typed(command), cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.terminals.append(process)
        assert process.stdout is not None
        return "".join(process.stdout.readline() for _ in range(lines))

    def run(self, command: str) -> str:
        """What a terminal shows of it: both streams."""
        done = subprocess.run(
            self.typed(command),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def serve_on_free_ports(self) -> None:
        """As somebody edits the configuration whose ports are taken."""
        file = self.folder / "sandbox.yaml"
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        for listener in ("server", "admin"):
            content[listener]["port"] = int(self.ports[str(content[listener]["port"])])
        file.write_text(yaml.safe_dump(content), encoding="utf-8")

    def leave(self) -> list[int]:
        """Ends what runs, the newest first; gives the exit statuses."""
        statuses = []
        for process in reversed(self.terminals):
            process.terminate()
            statuses.append(process.wait(30))
            assert process.stdout is not None
            process.stdout.close()
        return statuses


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[Newcomer]:
    one = Newcomer(tmp_path)
    yield one
    assert one.leave() == [0, 0]


def compared(text: str) -> list[list[str]]:
    """The words of each line, without what differs in each run."""
    return [line.split() for line in VARYING.sub("-", text).strip().splitlines()]


def expect_shown(step: Step, printed: str, newcomer: Newcomer) -> None:
    lines = printed.rstrip().splitlines()
    for shown, line in zip(newcomer.with_ports(step.shown).splitlines(), lines, strict=True):
        beginning, cut, _ = shown.partition("…")
        assert compared(line[: len(beginning)] if cut else line) == compared(beginning), step.command


def test_every_command_prints_what_the_page_shows(newcomer: Newcomer) -> None:
    setup, sandbox, serve, *others = steps()
    assert setup.command == "make setup"
    expect_shown(sandbox, newcomer.stay(sandbox.command, sandbox.shown.count("\n") + 1), newcomer)
    newcomer.serve_on_free_ports()
    expect_shown(serve, newcomer.stay(serve.command, 1), newcomer)
    assert len(others) == 11
    for step in others:
        printed = newcomer.run(step.command)
        assert printed
        if step.shown:
            expect_shown(step, printed, newcomer)


def test_a_purchase_takes_five_commands() -> None:
    five, _, _ = PAGE.partition("\n## The other calls")
    assert five.count("```sh\n") == 5


def test_every_call_of_a_withdraw_has_its_example() -> None:
    assert set(re.findall(r"/wallet/(\w+) --json", PAGE)) == {
        "verifySession",
        "getBalance",
        "withdraw",
        "confirmWithdrawal",
        "rollbackWithdrawal",
    }


def test_make_sets_up_the_program_that_the_page_runs(tmp_path: Path) -> None:
    plan = subprocess.run(
        ["make", "--dry-run", f"VENV={tmp_path / '.venv'}", "setup"],
        cwd=ROOT,
        env=os.environ | {"MAKEFLAGS": ""},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert f"{tmp_path}/{PROGRAM_THERE}" in plan
    assert "install --no-deps --no-build-isolation --editable ." in plan


def test_a_file_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "sandbox.yaml").write_text("mine")
    done = subprocess.run(
        [PROGRAM, "sandbox", "quantum", "--port", "0", "--write-config", "sandbox.yaml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "sandbox.yaml exists; name a new file" in done.stderr
    assert (tmp_path / "sandbox.yaml").read_text() == "mine"
