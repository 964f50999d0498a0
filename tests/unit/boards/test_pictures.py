from __future__ import annotations

import json
import re
import shlex
import subprocess
from typing import Any, Final

import pytest

from boards.files import ROOT
from boards.pictures import shown, units
from boards.pictures.__main__ import parser
from boards.pictures.recording import Span

DASHBOARDS: Final = ROOT / "config/grafana/dashboards"


def panel(board: str, title: str) -> dict[str, Any]:
    content = json.loads((DASHBOARDS / f"{board}.json").read_text(encoding="utf-8"))
    found: dict[str, Any] = next(each for each in content["panels"] if each.get("title") == title)
    return found


def answer(value: float, **labels: str) -> dict[str, Any]:
    return {"metric": labels, "value": [0, str(value)]}


@pytest.mark.parametrize(
    "value, unit, text",
    [
        (0.0, "s", "0 s"),
        (0.0042, "s", "4.2 ms"),
        (90.0, "s", "1.5 min"),
        (172_800.0, "s", "2 days"),
        (0.226, "percentunit", "22.6 %"),
        (1536.0, "bytes", "1.5 KiB"),
        (12_345.0, "short", "12.3 K"),
        (3.0, "reqps", "3 req/s"),
        (float("nan"), "s", "–"),
        (float("inf"), "s", "∞"),
        (1_764_374_400_000.0, "dateTimeAsIso", "2025-11-29 00:00:00"),
    ],
)
def test_a_number_is_written_with_its_unit(value: float, unit: str, text: str) -> None:
    assert units.text(value, unit) == text


def test_a_single_number_has_the_colour_of_the_threshold_that_it_has_reached() -> None:
    oldest = shown.steps(panel("overview", "Oldest undelivered"))
    assert [shown.colour_of(value, oldest) for value in (0, 599, 600, 5000)] == [
        "#0072B2",
        "#0072B2",
        "#E69F00",
        "#D55E00",
    ]


def test_a_state_is_written_by_its_name() -> None:
    breaker = panel("operator", "Circuit breaker")
    assert [shown.value_text(breaker, state) for state in (0.0, 1.0, 2.0)] == ["closed", "half open", "open"]


def test_series_have_their_own_colours_or_shades_that_differ() -> None:
    calls = panel("overview", "Calls by answer")
    assert shown.series_colours(calls, ["ok", "failed"]) == ["#0072B2", "#D55E00"]
    failing = panel("overview", "Failed withdraws and deposits, worst five")
    shades = shown.series_colours(failing, ["acme", "bolero", "cirrus", "acme"])
    assert len(set(shades)) == 3
    assert shades[0] == shades[3]


def test_a_series_is_called_as_its_legend_says() -> None:
    failing = panel("overview", "Failed withdraws and deposits, worst five")
    found = {"A": [{"metric": {"operator": "acme"}, "values": [[1, "0.5"], [2, "1"]]}]}
    assert shown.series(failing, found) == [shown.Series("acme", [(1.0, 0.5), (2.0, 1.0)], {"operator": "acme"})]


def test_a_table_joins_its_queries_by_labels_and_shows_the_worst_first() -> None:
    trouble = panel("overview", "Operators in trouble, worst first")
    titles, rows = shown.table(
        trouble,
        {
            "A": [answer(0.01, operator="acme"), answer(0.3, operator="bolero")],
            "C": [answer(2, operator="acme"), answer(float("nan"), operator="cirrus")],
        },
    )
    assert titles == ["operator", "failed holds", "answers, p95", "breaker", "not sent, 5 min", "oldest undelivered"]
    assert [[cell.text for cell in row] for row in rows] == [
        ["bolero", "30 %", "", "", "", ""],
        ["acme", "1 %", "", "open", "", ""],
        ["cirrus", "", "", "", "", ""],
    ]
    assert rows[0][1].colour == rows[1][3].colour == "#D55E00"


def test_a_heat_map_shows_what_fell_into_each_bucket_alone() -> None:
    found = [
        shown.Series("", [(1, 5.0), (2, 4.0)], {"le": "+Inf"}),
        shown.Series("", [(1, 2.0), (2, 4.0)], {"le": "0.1"}),
    ]
    assert shown.buckets(found) == (["0.1", "+Inf"], [1, 2], [[2.0, 4.0], [3.0, 0.0]])


@pytest.mark.parametrize("colour, ink", [("#0072B2", "#ffffff"), ("#E69F00", "#1a1a1a"), ("#ffffff", "#1a1a1a")])
def test_text_can_be_read_on_every_colour(colour: str, ink: str) -> None:
    assert shown.text_on(colour) == ink


def test_the_window_of_rates_is_computed_as_grafana_does() -> None:
    hours = Span(0, 7200, scrape_s=15)
    assert hours.step_s == 30
    assert hours.variables("acme")["__rate_interval"] == "60000ms"
    assert hours.variables("acme").items() >= {"__range": "7200s", "operator": "acme"}.items()
    assert Span(0, 86400, scrape_s=15).variables(".*")["__rate_interval"] == "375000ms"


def test_every_command_of_the_page_can_be_typed() -> None:
    page = (ROOT / "docs/boards.md").read_text(encoding="utf-8")
    block = re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    record, make = "".join(block).splitlines()
    words = shlex.split(record)
    assert words[:3] == ["python", "-m", "boards.pictures"]
    assert parser().parse_args(words[3:]).end == 1764378000
    planned = subprocess.run([*shlex.split(make), "-n"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert "boards.pictures draw build/boards.json" in planned


def test_each_board_has_a_picture_that_is_small_enough_for_a_page() -> None:
    pictures = {path.stem: path.stat().st_size for path in (ROOT / "docs/boards").iterdir()}
    assert pictures.keys() == {path.stem for path in DASHBOARDS.iterdir()}
    assert max(pictures.values()) < 200_000
