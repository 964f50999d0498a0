"""What every panel must have, so that whoever is paged can read it and knows what to do."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from typing import Any, Final

import pytest
import typer

from boards import links
from boards.catalogue import BOARDS
from boards.colours import MEANINGS, Colour
from boards.files import ROOT
from boards.panel import Board, Kind, Panel
from gateway.cli.main import application

DASHBOARDS: Final = sorted((ROOT / "config/grafana/dashboards").glob("*.json"))
UNITS: Final = {"short", "s", "d", "reqps", "ops", "percentunit", "bytes"}
ROWS_OF_A_SCREEN: Final = 18
"""Of Grafana's grid (38 pixels each) below the head of a page, on a screen of 1440x900 with a browser's own bars."""
CHARACTERS_OF_A_COLUMN: Final = 7
COMMAND: Final = re.compile(r"mm-gateway [^`]*")
PAGE: Final = re.compile(r"^\$\{runbooks\}/(?P<page>[\w-]+\.md)$")

EVERY: Final = [
    pytest.param(board, panel, id=f"{board.name}-{panel.title}") for board in BOARDS for panel in board.panels
]


def dashboards() -> list[dict[str, Any]]:
    return [json.loads(path.read_text(encoding="utf-8")) for path in DASHBOARDS]


def drawn() -> Iterator[dict[str, Any]]:
    return (panel for board in dashboards() for panel in board["panels"] if panel["type"] != "row")


@pytest.mark.parametrize("board, panel", EVERY)
def test_a_panel_says_what_it_answers_what_is_good_and_what_to_do(board: Board, panel: Panel) -> None:
    assert panel.question.endswith("?")
    assert panel.good.endswith(".")
    assert panel.act.endswith((".", "`"))
    assert panel.unit in UNITS
    assert panel.links
    assert len(panel.title) <= CHARACTERS_OF_A_COLUMN * panel.width


@pytest.mark.parametrize("board, panel", EVERY)
def test_a_panel_leads_on(board: Board, panel: Panel) -> None:
    urls = [link.url for link in panel.links]
    assert any(PAGE.match(url) for url in urls)
    boards = {url.removeprefix("/d/").partition("?")[0] for url in urls if url.startswith("/d/")}
    assert boards
    assert boards <= {each.uid for each in BOARDS} - {board.uid}


def test_every_runbook_that_panels_lead_to_is_there() -> None:
    pages = {match["page"] for board in BOARDS for panel in board.panels for link in panel.links
             if (match := PAGE.match(link.url))}  # fmt: skip
    assert {page for page in pages if not (ROOT / "docs/runbooks" / page).is_file()} == set()


def commands() -> set[str]:
    """Every command that a panel names."""
    texts = [text for board in BOARDS for panel in board.panels
             for text in (panel.good, panel.act, *(link.title for link in panel.links))]  # fmt: skip
    return {found.strip() for text in texts for found in COMMAND.findall(text)}


@pytest.mark.parametrize("line", sorted(commands()))
def test_a_command_that_a_panel_names_can_be_typed(line: str) -> None:
    words = shlex.split(line)[1:]
    command = typer.main.get_command(application(words))
    for word in words:
        found = getattr(command, "commands", {}).get(word)
        command = found or command
    options = {name for parameter in command.params for name in parameter.opts}
    assert command.name in words
    assert {word for word in words if word.startswith("--")} <= options


def test_a_number_has_a_colour_for_when_it_is_bad() -> None:
    judged = {Kind.STAT, Kind.BARS, Kind.STATES}
    assert [panel.title for board in BOARDS for panel in board.panels if panel.kind in judged and not panel.steps] == []


def test_every_drawn_panel_has_thresholds_a_unit_and_a_text_for_no_data() -> None:
    for panel in drawn():
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults["thresholds"]["steps"]
        assert defaults["unit"]
        assert defaults["noValue"]
        assert panel["description"].count("**") == 6


def test_colours_come_from_the_palette_alone() -> None:
    allowed = {*Colour, "transparent"}
    found = {
        colour for path in DASHBOARDS for colour in re.findall(r'olor": "([^"]+)"', path.read_text(encoding="utf-8"))
    }
    assert found <= allowed
    assert set(MEANINGS) == set(Colour)


def test_a_series_has_the_same_colour_on_every_panel() -> None:
    colours: dict[str, set[str]] = {}
    for board in BOARDS:
        for panel in board.panels:
            for name, colour in panel.colours.items():
                colours.setdefault(name, set()).add(colour)
    assert {name: found for name, found in colours.items() if len(found) > 1} == {}


def test_names_of_boards_never_change() -> None:
    assert [(board["uid"], path.stem) for board, path in zip(dashboards(), DASHBOARDS, strict=True)] == [
        (f"mm-gateway-{name}", name) for name in ("journal", "operator", "overview", "process", "rollbacks")
    ]


def test_panels_have_numbers_of_their_own_and_lie_beside_each_other() -> None:
    for board in dashboards():
        panels = board["panels"]
        assert len({panel["id"] for panel in panels}) == len(panels)
        cells = [
            (x, y)
            for place in (panel["gridPos"] for panel in panels)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        ]
        assert len(set(cells)) == len(cells)
        assert {x for x, _ in cells} == set(range(24))


def test_the_overview_is_one_screen_and_no_board_more_than_two_and_a_half() -> None:
    for board in dashboards():
        rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"])
        assert rows <= (ROWS_OF_A_SCREEN if board["uid"].endswith("overview") else 2.5 * ROWS_OF_A_SCREEN)


def test_titles_are_told_apart() -> None:
    for board in BOARDS:
        titles = [panel.title for panel in board.panels]
        assert len(set(titles)) == len(titles)


def test_an_alert_s_runbook_has_its_name_in_small_letters() -> None:
    assert links.runbook("BudgetBurnsFast").url == "${runbooks}/budget-burns-fast.md"


def test_single_numbers_are_those_of_now() -> None:
    at_once = {"stat", "table", "bargauge"}
    for panel in drawn():
        assert {target["instant"] for target in panel["targets"]} == {panel["type"] in at_once}


def test_what_is_clicked_leads_to_its_operator() -> None:
    clicked = [panel for panel in drawn() if panel["fieldConfig"]["defaults"].get("links")]
    assert clicked
    for panel in clicked:
        (link,) = panel["fieldConfig"]["defaults"]["links"]
        where = "${__data.fields.operator}" if panel["type"] == "table" else "${__field.labels.operator}"
        assert link["url"].endswith(f"var-operator={where}")
        assert all("operator" in target["expr"] for target in panel["targets"])


def test_reloads_and_restarts_are_marked_at_their_own_time_on_every_board() -> None:
    for board in dashboards():
        marks = {mark["name"]: mark["useValueForTime"] for mark in board["annotations"]["list"]}
        assert marks.items() >= {"Restarts": True, "Reloads": True, "Alerts": False}.items()
