"""Each alert has a page, and each page names only what there is: alerts, metrics, panels, keys, commands."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.alerting.rules_file import Options, alerts, runbook
from gateway.settings import json_schema
from tests.support import promql
from tests.support.commands import Deployment, a_timeline

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "docs" / "runbooks"
INDEX = FOLDER / "README.md"
ON_CALL = ROOT / "docs" / "on-call.md"
ALERTS = alerts(Options())
PAGES = {alert.name: FOLDER / runbook(alert.name) for alert in ALERTS}
HEADINGS = ["What it means for money", "How to see it", "What to do", "When it is over", "Whom to wake"]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PANELS = re.compile(r"[Bb]oard \*([^*]+)\*, panels? ((?:\*[^*]+\*(?:, | and |,? then )?)+)")
KEY = re.compile(r"^[a-z_]+(\.[a-z_]+)*$")
OUTSIDE = {"job", "instance", "objective", "server", "admin", "timedatectl", "up"}
"""Words in code style that are labels, their values, or another program's."""


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def blocks(language: str, *paths: Path) -> Iterator[str]:
    for path in paths:
        for found, block in BLOCK.findall(text(path)):
            if found == language:
                yield block


def in_code(path: Path) -> set[str]:
    """What stands in code style within the sentences of a page."""
    return set(re.findall(r"`([^`\n]+)`", BLOCK.sub("", text(path))))


def boards() -> dict[str, set[str]]:
    """The titles of the panels of each board, by the board's name."""
    found = {}
    for path in (ROOT / "config" / "grafana" / "dashboards").glob("*.json"):
        board = json.loads(text(path))
        found[board["title"].removeprefix("Wallet gateway: ")] = set(titles(board["panels"]))
    return found


def titles(panels: list[dict[str, Any]]) -> Iterator[str]:
    for panel in panels:
        yield panel.get("title", "")
        yield from titles(panel.get("panels", []))


def keys(schema: dict[str, Any]) -> set[str]:
    """Every key that a configuration can have."""
    sections = [schema, *schema["$defs"].values()]
    return {key for section in sections for key in section.get("properties", {})}


def test_every_alert_has_a_page_and_every_page_an_alert() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {path.name for path in PAGES.values()} | {"README.md"}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_a_page_says_what_a_person_at_night_needs(alert: Any) -> None:
    page = text(PAGES[alert.name])
    assert page.startswith(f"# {alert.name}\n\n**{alert.severity.title()}.** ")
    assert re.findall(r"^## (.+)$", page, re.MULTILINE) == HEADINGS
    assert page.count("\n") < 60
    see = page.partition(f"## {HEADINGS[1]}")[2].partition("\n## ")[0]
    assert PANELS.search(see.replace("\n", " "))
    assert "```promql" in see


def test_the_index_has_every_alert_where_it_belongs() -> None:
    pages, tickets = text(INDEX).split("## Tickets")
    for severity, section in (("page", pages), ("ticket", tickets)):
        listed = re.findall(r"^\| \[(\w+)\]\(([\w-]+\.md)\)", section, re.MULTILINE)
        assert sorted(listed) == sorted((each.name, runbook(each.name)) for each in ALERTS if each.severity == severity)


@pytest.mark.parametrize("path", [*PAGES.values(), ON_CALL, INDEX], ids=lambda path: path.stem)
def test_every_alert_that_a_page_names_is_there(path: Path) -> None:
    assert set(re.findall(r"\bMmGateway\w+", text(path))) <= set(PAGES)


@pytest.mark.parametrize("path", PAGES.values(), ids=lambda path: path.stem)
def test_every_panel_that_a_page_names_is_on_the_board(path: Path) -> None:
    known = boards()
    named = [
        (board, panel)
        for board, panels in PANELS.findall(re.sub(r"\s+", " ", text(path)))
        for panel in re.findall(r"\*([^*]+)\*", panels)
    ]
    assert named
    assert [(board, panel) for board, panel in named if panel not in known.get(board, set())] == []
    alone = re.findall(r"panels? \*([^*]+)\*", re.sub(r"\s+", " ", text(path)))
    assert [panel for panel in alone if not any(panel in board for board in known.values())] == []


@pytest.mark.parametrize("path", PAGES.values(), ids=lambda path: path.stem)
def test_every_expression_of_a_page_asks_for_what_there_is(path: Path) -> None:
    known = promql.known()
    asked = [each for block in blocks("promql", path) for each in promql.selectors(block)]
    assert asked
    assert [each for each in asked if each.metric not in known or not each.labels <= known[each.metric]] == []


@pytest.mark.parametrize("path", [*PAGES.values(), ON_CALL], ids=lambda path: path.stem)
def test_every_key_and_metric_that_a_page_names_is_there(path: Path) -> None:
    schema = keys(json_schema({}))
    series = set(promql.known())
    spoken = {word for word in in_code(path) if KEY.match(word) and word not in OUTSIDE}
    metrics = {word for word in spoken if word.startswith(("mm_gateway_", "process_"))}
    assert metrics <= series
    assert [
        word
        for word in spoken - metrics
        if "." in word and not word.endswith(".yaml") and not set(word.split(".")) <= schema
    ] == []


def test_every_line_of_the_log_that_a_page_names_is_one_that_there_is() -> None:
    events = set(re.findall(r"^\| `([^`]+)` \| ", text(ROOT / "docs" / "logs.md"), re.MULTILINE))
    pages = re.sub(r"\s+", " ", "".join(map(text, PAGES.values())))
    named = set(re.findall(r"log line `([^`]+)`", pages))
    assert len(named) > 5
    assert named <= events


def commands() -> list[str]:
    """Every line of the gateway's own that the pages show, once."""
    lines = [line for block in blocks("sh", ON_CALL, *PAGES.values()) for line in block.splitlines()]
    assert all(line.startswith("mm-gateway ") for line in lines)
    return sorted(set(lines))


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    """Every journal is there, and the transfer that the pages show is parked."""
    made = Deployment(tmp_path)
    made.keep("default", a_timeline("1234abcd"))
    made.keep("big")
    made.keep("spare")
    return made


@pytest.mark.parametrize("line", commands())
def test_every_command_of_the_pages_runs_as_it_is_shown(line: str, deployment: Deployment) -> None:
    _, *words = shlex.split(line.partition(" > ")[0])
    ran = deployment.run(*words)
    if "--probe" in words:
        assert "writes are durable" in ran.out, ran.err  # nobody serves the operators here
    elif "--ask" in words:
        assert "does not say what became of 1234abcd" in ran.err
    elif words[0] == "status":
        assert (ran.status, "acme: 1 transfer is parked" in ran.out) == (1, True)
    else:
        assert ran.status == 0, ran.err
    assert ran.out or ran.err
