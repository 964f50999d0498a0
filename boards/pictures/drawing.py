"""Draws a dashboard from its JSON and what was recorded: a picture of 1440 pixels width, like a laptop's screen."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from PIL import Image

mpl.use("agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from boards.pictures import kinds, shown
from boards.pictures.kinds import Moment

DPI: Final = 100
COLUMN_PX: Final = 60
ROW_PX: Final = 38
"""The height of a row of Grafana's grid, with the gap below it."""
HEAD_PX: Final = 44
GAP_PX: Final = 8
TITLE_PX: Final = 24

PAGE: Final = "#e8eaed"
CARD: Final = "#ffffff"
EDGE: Final = "#d8d9da"

_DRAWERS: Final[Mapping[str, Callable[[Axes, shown.Panel, Mapping[str, Any], Moment], None]]] = {
    "timeseries": kinds.graph,
    "heatmap": kinds.heatmap,
    "table": kinds.table,
    "state-timeline": kinds.states,
    "bargauge": kinds.bars,
}


class Canvas:
    """The picture of one board; places are in pixels from its upper left corner."""

    def __init__(self, width: int, height: int) -> None:
        self.figure: Figure = plt.figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor=PAGE)
        self._width, self._height = width, height

    def text(self, x: float, y: float, text: str, size: float, **how: Any) -> None:
        """Writes at a place."""
        self.figure.text(x / self._width, 1 - y / self._height, text, fontsize=size, **{"va": "center"} | how)

    def card(self, x: float, y: float, width: float, height: float, colour: str = CARD) -> None:
        """The surface of a panel."""
        corner = (x / self._width, 1 - (y + height) / self._height)
        size = (width / self._width, height / self._height)
        shape = FancyBboxPatch(
            corner, *size, boxstyle="square,pad=0", facecolor=colour, edgecolor=EDGE, linewidth=0.8, zorder=-1
        )
        self.figure.add_artist(shape)

    def axes(self, x: float, y: float, width: float, height: float) -> Axes:
        """A place to draw in."""
        place = (x / self._width, 1 - (y + height) / self._height, width / self._width, height / self._height)
        return self.figure.add_axes(place)

    def write(self, path: Path) -> None:
        """Writes the picture."""
        drawn = io.BytesIO()
        self.figure.savefig(drawn, format="png", facecolor=PAGE)
        plt.close(self.figure)
        # A third as large; this method keeps the colours of meanings, however small their areas.
        few = Image.open(drawn).convert("RGB").quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        few.save(path, optimize=True)


def draw(board: Mapping[str, Any], recorded: Mapping[str, Any], path: Path) -> None:
    """Writes the picture of a dashboard (its JSON) with what was recorded (see `boards.pictures.recording`)."""
    plt.rcParams["font.size"] = 8
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"])
    canvas = Canvas(24 * COLUMN_PX, HEAD_PX + rows * ROW_PX + GAP_PX)
    answers = recorded["boards"][board["uid"]]
    _head(canvas, board, recorded, answers["operator"])
    moment = Moment(recorded["start"], recorded["end"], recorded["step"], answers["annotations"], _colours(board))
    for panel in board["panels"]:
        _panel(canvas, panel, answers["panels"].get(str(panel["id"]), {}), moment)
    canvas.write(path)


def _colours(board: Mapping[str, Any]) -> dict[str, str]:
    return {mark["name"]: mark["iconColor"] for mark in board["annotations"]["list"]}


def _head(canvas: Canvas, board: Mapping[str, Any], recorded: Mapping[str, Any], operator: str) -> None:
    begun, ended = (datetime.fromtimestamp(recorded[name], UTC) for name in ("start", "end"))
    chosen = "" if operator == ".*" else f"   operator: {operator}"
    canvas.text(GAP_PX + 4, HEAD_PX / 2, board["title"] + chosen, 13, weight="bold", color="#222222")
    times = f"{begun:%H:%M} to {ended:%H:%M} UTC"
    note = f"{times}   –   drawn from the board's JSON and recorded data; not a screenshot of Grafana"
    canvas.text(24 * COLUMN_PX - GAP_PX - 4, HEAD_PX / 2, note, 8.5, ha="right", color="#666666")


def _panel(canvas: Canvas, panel: shown.Panel, answers: Mapping[str, Any], moment: Moment) -> None:
    place = panel["gridPos"]
    x, y = place["x"] * COLUMN_PX + GAP_PX / 2, HEAD_PX + place["y"] * ROW_PX + GAP_PX / 2
    width, height = place["w"] * COLUMN_PX - GAP_PX, place["h"] * ROW_PX - GAP_PX
    if panel["type"] == "row":
        canvas.text(x + 4, y + height / 2, panel["title"], 11, weight="bold", color="#444444")
    elif panel["type"] == "stat":
        _stat(canvas, panel, answers, (x, y, width, height))
    else:
        canvas.card(x, y, width, height)
        canvas.text(x + 8, y + TITLE_PX / 2 + 1, panel["title"], 8.5, weight="bold", color="#222222")
        axes = canvas.axes(x, y + TITLE_PX, width, height - TITLE_PX)
        if any(answers.values()):
            _DRAWERS[panel["type"]](axes, panel, answers, moment)
        else:
            kinds.nothing(axes, shown.empty_text(panel))


def _stat(
    canvas: Canvas, panel: shown.Panel, answers: Mapping[str, Any], place: tuple[float, float, float, float]
) -> None:
    """A number on the colour of its threshold."""
    x, y, width, height = place
    numbers = [each.points[-1][1] for each in shown.series(panel, answers)]
    known = [number for number in numbers if not math.isnan(number)]
    text = shown.value_text(panel, known[0]) if known else shown.empty_text(panel)
    colour = shown.colour_of(known[0], shown.steps(panel)) if known else CARD
    canvas.card(x, y, width, height, colour)
    ink = shown.text_on(colour)
    canvas.text(x + 8, y + 13, panel["title"], 8.5, weight="bold", color=ink)
    size = 22 if len(text) < 9 else 15  # noqa: PLR2004 - what fits into the narrowest
    canvas.text(x + width / 2, y + height / 2 + 11, text, size, ha="center", color=ink if known else "#888888")
