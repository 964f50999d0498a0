"""What a dashboard's JSON says of each number: its colour, the name of its series, the row where it stands."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from boards.pictures import units

Panel = Mapping[str, Any]
"""A panel of a dashboard, as its JSON has it."""

TEXT: Final = "#333333"
_LABEL: Final = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_BRIGHT: Final = 0.6


class Series(NamedTuple):
    """One line: its name, and its points (Unix time, value)."""

    name: str
    points: list[tuple[float, float]]
    labels: Mapping[str, str] = {}


class Cell(NamedTuple):
    """One cell of a table, with the colour behind it (none: empty)."""

    text: str
    colour: str


def series(panel: Panel, answers: Mapping[str, Any]) -> list[Series]:
    """All series of a panel, in the order of its queries."""
    return [
        Series(_name(target.get("legendFormat", ""), each["metric"]), _points(each), each["metric"])
        for target in panel["targets"]
        for each in answers.get(target["refId"], [])
    ]


def _name(legend: str, labels: Mapping[str, str]) -> str:
    return _LABEL.sub(lambda match: labels.get(match[1], ""), legend)


def _points(answer: Mapping[str, Any]) -> list[tuple[float, float]]:
    return [(float(at), float(value)) for at, value in answer.get("values") or [answer["value"]]]


def _defaults(panel: Panel) -> Mapping[str, Any]:
    found: Mapping[str, Any] = panel["fieldConfig"]["defaults"]
    return found


def unit(panel: Panel) -> str:
    """The panel's unit, by Grafana's name."""
    return str(_defaults(panel)["unit"])


def value_text(panel: Panel, value: float) -> str:
    """A number as the panel writes it: by its mappings, else by its unit."""
    for mapping in _defaults(panel).get("mappings") or []:
        if (named := mapping["options"].get(f"{value:g}")) is not None:
            return str(named["text"])
    return units.text(value, unit(panel), _defaults(panel).get("decimals"))


def empty_text(panel: Panel) -> str:
    """What stands there when there is no number."""
    return str(_defaults(panel)["noValue"])


def steps(panel: Panel) -> list[tuple[float, str]]:
    """The panel's thresholds: from which value on, which colour. The first has no lower end."""
    return _steps(_defaults(panel)["thresholds"]["steps"])


def _steps(found: Iterable[Mapping[str, Any]]) -> list[tuple[float, str]]:
    return [(-math.inf if step["value"] is None else step["value"], step["color"]) for step in found]


def colour_of(value: float, found: list[tuple[float, str]]) -> str:
    """The colour of the highest step that the value has reached."""
    return [colour for least, colour in found if value >= least][-1]


def series_colours(panel: Panel, names: list[str]) -> list[str]:
    """The colour of each series: its own, or one of the shades of the panel's colour."""
    fixed = {
        override["matcher"]["options"]: prop["value"]["fixedColor"]
        for override in panel["fieldConfig"].get("overrides") or []
        for prop in override["properties"]
        if prop["id"] == "color"
    }
    base = _defaults(panel)["color"]["fixedColor"]
    others = [name for name in dict.fromkeys(names) if name not in fixed]
    shades = dict(zip(others, _shades(base, len(others)), strict=True))
    return [TEXT if (found := fixed.get(name)) == "text" else found or shades[name] for name in names]


def _shades(base: str, count: int) -> list[str]:
    """Colours from dark to light: the colour itself, mixed with black or white, so that none looks like another's."""
    places = [0.0] if count == 1 else [-0.5 + 1.2 * number / (count - 1) for number in range(count)]
    return [_mixed(base, place) for place in places]


def _mixed(base: str, light: float) -> str:
    """Towards black below 0, towards white above."""
    parts = [part + (1 - part) * light if light > 0 else part * (1 + light) for part in _parts(base)]
    return "#" + "".join(f"{round(part * 255):02x}" for part in parts)


def _parts(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue


def text_on(colour: str) -> str:
    """Black or white, whichever can be read on this colour."""
    red, green, blue = _parts(colour)
    return "#1a1a1a" if 0.3 * red + 0.59 * green + 0.11 * blue > _BRIGHT else "#ffffff"


def table(panel: Panel, answers: Mapping[str, Any]) -> tuple[list[str], list[list[Cell]]]:
    """A table's titles and rows: one row for each set of labels, sorted by the first number, the largest first."""
    titles = _titles(panel)
    found: dict[tuple[tuple[str, str], ...], dict[str, float]] = {}
    for ref, title in titles.items():
        for each in answers.get(ref, []):
            found.setdefault(tuple(each["metric"].items()), {})[title] = float(each["value"][1])
    first = next(iter(titles.values()))
    rows = sorted(found.items(), key=lambda row: _rank(row[1].get(first)), reverse=True)
    labels = [name for name in _organized(panel)["indexByName"] if not name.startswith("Value")]
    shown = [
        [Cell(dict(key).get(label, ""), "") for label in labels]
        + [_cell(panel, title, values.get(title)) for title in titles.values()]
        for key, values in rows
    ]
    return [*labels, *titles.values()], shown


def _rank(value: float | None) -> float:
    return -math.inf if value is None or math.isnan(value) else value


def _titles(panel: Panel) -> dict[str, str]:
    """The title of each query's column, by its `refId`."""
    renamed = _organized(panel)["renameByName"]
    refs = [target["refId"] for target in panel["targets"]]
    return {ref: renamed["Value" if len(refs) == 1 else f"Value #{ref}"] for ref in refs}


def _organized(panel: Panel) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next(each for each in panel["transformations"] if each["id"] == "organize")["options"]
    return found


def _cell(panel: Panel, title: str, value: float | None) -> Cell:
    if value is None or math.isnan(value):
        return Cell("", "")
    about = {
        prop["id"]: prop["value"]
        for override in panel["fieldConfig"]["overrides"]
        if override["matcher"]["options"] == title
        for prop in override["properties"]
    }
    named = about.get("mappings", [{"options": {}}])[0]["options"].get(f"{value:g}")
    text = named["text"] if named else units.text(value, about["unit"])
    colour = colour_of(value, _steps(about["thresholds"]["steps"]))
    return Cell(text, "" if colour == "transparent" else colour)


def buckets(found: list[Series]) -> tuple[list[str], list[float], list[list[float]]]:
    """A heat map: the buckets' upper ends, the times, and for each bucket its own rate at each time."""
    rows = sorted(found, key=lambda each: float(each.labels["le"]))
    times = sorted({at for each in rows for at, _ in each.points})
    below = [0.0] * len(times)
    cells = []
    for row in rows:
        values = dict(row.points)
        upto = [values.get(at, 0.0) for at in times]
        cells.append([max(0.0, this - last) for this, last in zip(upto, below, strict=True)])
        below = upto
    return [row.labels["le"] for row in rows], times, cells
