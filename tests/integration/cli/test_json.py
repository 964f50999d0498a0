"""Every command that prints facts prints them as JSON too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import typer
import yaml

from gateway.cli.main import COMMANDS, application
from tests.support.commands import Deployment, a_timeline, run

WITHOUT: Final = {
    "serve": "runs until it is stopped; what it says is its log",
    "schema": "prints a document: JSON Schema, or OpenAPI in YAML",
    "rules": "prints a file for Prometheus",
    "sandbox": "runs until it is stopped; what it says at the start is JSON already",
    "hash-password": "prints one value, to be copied",
    "completion": "prints a script for a shell",
    "adapters new": "makes files, and says what to type next",
}
"""The commands without `--json`, and why."""


def commands() -> Iterator[tuple[str, set[str]]]:
    """Every command, subcommands included, with its options."""
    for name in COMMANDS:
        command = typer.main.get_command(application([name])).commands[name]  # type: ignore[attr-defined]  # a group
        inner = getattr(command, "commands", {})
        if not inner or getattr(command, "invoke_without_command", False):
            yield name, _options(command)
        for inner_name, inner_command in inner.items():
            yield f"{name} {inner_name}", _options(inner_command)


def _options(command: object) -> set[str]:
    return {option for parameter in getattr(command, "params", ()) for option in parameter.opts}


def test_every_command_has_it_or_a_reason_not_to() -> None:
    found = dict(commands())
    assert len(found) > len(COMMANDS)
    assert {name for name, options in found.items() if "--json" not in options} == set(WITHOUT)


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    deployment = Deployment(tmp_path)
    deployment.keep("default", a_timeline("1"), a_timeline("2"))
    return deployment


def test_a_check_says_whether_and_why_not(deployment: Deployment) -> None:
    good = deployment.run("check", "--probe", "--json")
    assert good.status == 1  # nobody serves its operators
    assert (good.json["usable"], good.json["operators"], good.json["journals"]) == (True, 2, 3)
    assert {probe["what"]: probe["result"] for probe in good.json["probes"]}["journal default"] == "ok"
    deployment.config.write_text(yaml.safe_dump({"operators": {"acme": {"nonsense": 1}}}))
    bad = deployment.run("check", "--json")
    assert (bad.status, bad.json["usable"], bad.json["operators"]) == (2, False, None)
    assert "operators.acme" in bad.json["problems"][0]


def test_a_gateway_that_is_gone_is_told_as_json(deployment: Deployment) -> None:
    deployment.configure(admin={"port": 9})
    gone = deployment.run("health", "--ready", "--json")
    assert (gone.status, gone.json["ready"]) == (1, False)
    assert gone.json["problems"][0].startswith("no answer from the admin listener on 127.0.0.1:9: ")


def test_a_migration_says_what_it_applied(deployment: Deployment) -> None:
    first, again = (deployment.run("migrate", "--json").json for _ in range(2))
    assert [each["journal"] for each in first] == ["default", "big", "spare"]
    assert [bool(each["applied"]) for each in first] == [False, True, True]
    assert [each["applied"] for each in again] == [[], [], []]


def test_what_was_done_by_hand_is_told_as_json(deployment: Deployment) -> None:
    deployment.keep("big")
    deployment.keep("spare")
    by_me = ("--who", "me", "--why", "the operator is back", "--json")
    assert deployment.run("retry", "1", *by_me).json == {"transfers": 1, "last_in_s": 0.0}
    resolved = deployment.run("resolve", "2", "--as", "rolled_back", "--yes", *by_me).json
    assert (resolved["id"], resolved["state"]) == ("2", "rolled_back")


def test_a_copy_says_how_much_it_copied(deployment: Deployment) -> None:
    copied = deployment.run("journal", "copy", "--to", "spare", "--json")
    assert copied.json == {
        "from": "default",
        "to": "spare",
        "transfers": 2,
        "sessions": 0,
        "moved": ["acme"],
        "moved_before": [],
    }


def test_one_call_of_an_adapter_is_told_as_json() -> None:
    tried = run("adapters", "try", "getBalance", "--operator", "quantum", "--json").json
    assert (tried["exchanges"][0]["request"][0].split()[0], tried["next"]) == ("POST", "the game gets the balance")
    assert tried["result"][0].startswith("balance ")


def test_the_demos_result_is_told_as_json() -> None:
    played = run("demo", "--adapter", "quantum", "--purchases", "20", "--kills", "0", "--json").json
    assert (played["agrees"], played["operators"], played["folder"]) == (True, ["quantum"], None)
    assert all(check["failures"] == [] for check in played["checks"])
    assert sum(row["confirmed"] for row in played["faults"]) > 0
