"""Draws each kind of panel into its place: graphs, heat maps, tables, states over time, bars."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.patches import Rectangle
from matplotlib.textpath import TextPath
from matplotlib.ticker import FixedLocator, FuncFormatter, Locator, MaxNLocator, MultipleLocator

from boards.pictures import shown, units

GREY: Final = "#666666"
LINE: Final = "#e4e5e6"
LEGEND_SIZE: Final = 7.5
LEGEND_PX: Final = LEGEND_SIZE * 100 / 72
MARK_PX: Final = 28.0
"""The mark before a name, and the gaps around both."""
MOST_TICKS: Final = 4
ROUND_TIMES_S: Final = (30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400)
MANY: Final = 3
"""Lines of a legend: what comes after them is left out, as Grafana scrolls it."""


@dataclass(frozen=True)
class Moment:
    """From when to when a board shows, the time between two points, and the marks: what happened, by kind."""

    start: float
    end: float
    step: float
    annotations: Mapping[str, Any]
    colours: Mapping[str, str]

    def marks(self) -> Iterator[tuple[float, float, str]]:
        """Each mark: from when to when, and its colour. What has no length ends where it begins."""
        for name, found in self.annotations.items():
            for each in found:
                times = [float(at) for at, value in each["values"] if float(value) > 0]
                if name in {"Restarts", "Reloads"}:
                    spans = [(at, at) for at in {float(value) / 1000 for _, value in each["values"]}]
                else:
                    spans = list(_runs(times, self.step))
                yield from ((a, b, self.colours[name]) for a, b in spans if self.start < a and b <= self.end)


def _runs(times: list[float], step: float) -> Iterator[tuple[float, float]]:
    """Points that follow each other are one span."""
    begun = last = -math.inf
    for at in times:
        if at - last > step * 1.5:
            if last > 0:
                yield begun, last
            begun = at
        last = at
    if last > 0:
        yield begun, last


def nothing(axes: Axes, text: str) -> None:
    """Says that there is no number."""
    axes.axis("off")
    axes.text(0.5, 0.5, text, ha="center", va="center", color="#999999", fontsize=10, transform=axes.transAxes)


def _inset(axes: Axes, left: float = 0.0, below: float = 34.0) -> None:
    """Leaves space for labels, and lines of the legend, within the panel."""
    box = axes.get_position()
    figure = axes.figure.get_size_inches() * axes.figure.dpi
    left = left or 62.0
    axes.set_position(
        (
            box.x0 + left / figure[0],
            box.y0 + below / figure[1],
            box.width - (left + 14) / figure[0],
            box.height - (below + 6) / figure[1],
        )
    )


def _width_px(axes: Axes) -> float:
    return float(axes.get_position().width * axes.figure.get_size_inches()[0] * axes.figure.dpi)


def _height_px(axes: Axes) -> float:
    return float(axes.get_position().height * axes.figure.get_size_inches()[1] * axes.figure.dpi)


def _legend(axes: Axes, entries: list[tuple[str, str]]) -> float:
    """Writes names below, in as many lines as they need. Returns the height that they take, in pixels."""
    lines: list[list[tuple[float, str, str]]] = [[]]
    x = 0.0
    for name, colour in entries:
        need = _length_px(name) + MARK_PX
        if x + need > _width_px(axes) - 16 and lines[-1]:
            lines.append([])
            x = 0.0
        lines[-1].append((x, name, colour))
        x += need
    lines = lines[:MANY]
    for number, line in enumerate(reversed(lines)):
        for x, name, colour in line:
            _name(axes, 10 + x, 9 + 14 * number, name, colour)
    return 14.0 * len(lines)


def _length_px(text: str) -> float:
    return float(TextPath((0, 0), text, size=LEGEND_PX).get_extents().width)


def _name(axes: Axes, x: float, y: float, name: str, colour: str) -> None:
    """A line of the legend: a mark and a name, at a place in pixels from the panel's lower left corner."""
    box = axes.get_position()
    across, up = box.width / _width_px(axes), box.height / _height_px(axes)
    corner = (box.x0 + across * x, box.y0 + up * (y - 2))
    axes.figure.add_artist(Rectangle(corner, 11 * across, 4 * up, color=colour))
    axes.figure.text(corner[0] + 15 * across, box.y0 + up * y, name, fontsize=LEGEND_SIZE, color="#333333", va="center")


def graph(axes: Axes, panel: shown.Panel, answers: Mapping[str, Any], moment: Moment) -> None:
    """Lines, or areas on top of each other, with the thresholds and what happened."""
    found = shown.series(panel, answers)
    names = [each.name for each in found]
    colours = shown.series_colours(panel, names)
    height = _legend(axes, list(dict(zip(names, colours, strict=True)).items()))
    _inset(axes, below=22 + height)
    custom = panel["fieldConfig"]["defaults"]["custom"]
    if custom.get("stacking", {}).get("mode") == "normal":
        _stack(axes, found, colours, moment)
    else:
        for each, colour in zip(found, colours, strict=True):
            dashed = colour == shown.TEXT
            axes.plot(*_gapped(each, moment.step), color=colour, lw=1.2 if dashed else 1.6, ls="--" if dashed else "-")
    _axis(axes, panel, moment)
    if "thresholdsStyle" in custom:
        _thresholds(axes, panel)
    _marks(axes, moment)


def _gapped(each: shown.Series, step: float) -> tuple[list[float], list[float]]:
    """The points, with a break wherever some are missing."""
    xs: list[float] = []
    ys: list[float] = []
    for at, value in each.points:
        if xs and at - xs[-1] > step * 1.5:
            xs.append(at - step / 2)
            ys.append(math.nan)
        xs.append(at)
        ys.append(value)
    return xs, ys


def _stack(axes: Axes, found: list[shown.Series], colours: list[str], moment: Moment) -> None:
    count = round((moment.end - moment.start) / moment.step) + 1
    times = [moment.start + moment.step * number for number in range(count)]
    rows = []
    for each in found:
        known = {round((at - moment.start) / moment.step): value for at, value in each.points if not math.isnan(value)}
        rows.append([known.get(number, 0.0) for number in range(count)])
    axes.stackplot(times, rows, colors=colours, alpha=0.75, lw=0)


def _axis(axes: Axes, panel: shown.Panel, moment: Moment) -> None:
    axes.set_xlim(moment.start, moment.end)
    low, high = axes.dataLim.intervaly
    if not math.isfinite(high) or high <= 0:
        high = 1.0
    high = max(high, panel["fieldConfig"]["defaults"]["custom"].get("axisSoftMax", 0.0))
    axes.set_ylim(min(0.0, low * 1.05), high * 1.05)
    axes.yaxis.set_major_locator(_ticks(shown.unit(panel), high))
    _labels(axes, moment)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: units.text(value, shown.unit(panel))))


def _ticks(unit: str, high: float) -> Locator:
    """At round numbers: of bytes these are powers of two, of long times minutes, hours and days."""
    if unit == "bytes":
        return MultipleLocator(2 ** round(math.log2(high / 3)))
    if unit == "s" and high > ROUND_TIMES_S[0]:
        return MultipleLocator(next((each for each in ROUND_TIMES_S if high / each <= MOST_TICKS), high / MOST_TICKS))
    return MaxNLocator(MOST_TICKS)


def _labels(axes: Axes, moment: Moment) -> None:
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(LINE)
    axes.grid(visible=True, color=LINE, lw=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=7.5, labelcolor=GREY)
    axes.xaxis.set_major_locator(FixedLocator(_clock_ticks(axes, moment)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{datetime.fromtimestamp(value, UTC):%H:%M}"))


def _clock_ticks(axes: Axes, moment: Moment) -> list[float]:
    """Full minutes or hours, not closer than they can be read."""
    most = max(2.0, _width_px(axes) / 60)
    every = next(
        (each for each in (60, 120, 300, 600, 900, 1800, 3600, 7200) if (moment.end - moment.start) / each <= most),
        14400,
    )
    first = math.ceil(moment.start / every) * every
    return [first + every * number for number in range(int((moment.end - first) // every) + 1)]


def _thresholds(axes: Axes, panel: shown.Panel) -> None:
    low, high = axes.get_ylim()
    for value, colour in shown.steps(panel)[1:]:
        if low < value < high:
            axes.axhline(value, color=colour, lw=1, ls=(0, (5, 4)), alpha=0.9)


def _marks(axes: Axes, moment: Moment) -> None:
    """What happened: a thin line where it began, and a bar at the foot for as long as it lasted."""
    for begun, ended, colour in moment.marks():
        axes.axvline(begun, color=colour, lw=0.7, ls=(0, (2, 3)), alpha=0.6)
        if ended > begun:
            axes.axvspan(begun, ended, 0, 0.018, color=colour, lw=0, alpha=0.9, clip_on=False)


def heatmap(axes: Axes, panel: shown.Panel, answers: Mapping[str, Any], moment: Moment) -> None:
    """How many observations fell into each bucket, the darker the more."""
    ends, times, cells = shown.buckets(shown.series(panel, answers))
    _inset(axes, below=24)
    edges = [*times, times[-1] + moment.step]
    most = max((value for row in cells for value in row), default=0.0) or 1.0
    axes.pcolormesh(edges, range(len(ends) + 1), cells, cmap="Blues", norm=PowerNorm(0.5, 0, most))
    axes.set_xlim(moment.start, moment.end)
    _labels(axes, moment)
    axes.grid(visible=False)
    axes.yaxis.set_major_locator(FixedLocator([number + 1 for number in range(len(ends))]))
    names = [units.text(float(end), shown.unit(panel)) for end in ends]
    axes.set_yticklabels(names)


def states(axes: Axes, panel: shown.Panel, answers: Mapping[str, Any], moment: Moment) -> None:
    """A row for each series, coloured by its state."""
    found = sorted(shown.series(panel, answers), key=lambda each: each.name, reverse=True)
    steps = shown.steps(panel)
    used = {value for each in found for _, value in each.points}
    entries = [(shown.value_text(panel, value), shown.colour_of(value, steps)) for value in sorted(used)]
    height = _legend(axes, entries)
    _inset(axes, left=18 + max(_length_px(each.name) for each in found), below=24 + height)
    for row, each in enumerate(found):
        for at, value in each.points:
            axes.barh(row, moment.step * 1.02, 0.7, left=at, color=shown.colour_of(value, steps), lw=0)
    axes.set_xlim(moment.start, moment.end)
    axes.set_ylim(-0.6, len(found) - 0.4)
    _labels(axes, moment)
    axes.grid(visible=False)
    axes.yaxis.set_major_locator(FixedLocator(range(len(found))))
    axes.set_yticklabels([each.name for each in found])


def bars(axes: Axes, panel: shown.Panel, answers: Mapping[str, Any], _: Moment) -> None:
    """A bar for each series, as long as its number."""
    found = shown.series(panel, answers)
    values = [each.points[-1][1] for each in found]
    _inset(axes, left=18 + 1.07 * max(_length_px(each.name) for each in found), below=10)
    most = panel["fieldConfig"]["defaults"].get("max") or max(values)
    steps = shown.steps(panel)
    axes.barh(range(len(found)), [min(value, most) for value in values], 0.6,
              color=[shown.colour_of(value, steps) for value in values])  # fmt: skip
    for row, value in enumerate(values):
        axes.text(most, row, shown.value_text(panel, value), ha="right", va="center", fontsize=8, color="#222222")
    axes.set_xlim(0, most)
    axes.axis("on")
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0, labelsize=8, labelcolor=GREY)
    axes.xaxis.set_visible(False)
    axes.yaxis.set_major_locator(FixedLocator(range(len(found))))
    axes.set_yticklabels([each.name for each in found])


def table(axes: Axes, panel: shown.Panel, answers: Mapping[str, Any], _: Moment) -> None:
    """Rows and columns; a cell has the colour of its threshold."""
    titles, rows = shown.table(panel, answers)
    axes.axis("off")
    high = _height_px(axes)
    shown_rows = rows[: int((high - 30) // 25)]
    widths = _widths(titles, shown_rows)
    lefts = [sum(widths[:column]) + 0.008 for column in range(len(titles))]
    for left, title in zip(lefts, titles, strict=True):
        axes.text(left, 1 - 12 / high, title, fontsize=8.5, weight="bold", color=GREY, va="center")
    for number, row in enumerate(shown_rows):
        y = 1 - (25 * number + 37) / high
        for left, width, cell in zip(lefts, widths, row, strict=True):
            _cell(axes, (left, y, width, 25 / high), cell)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)


def _widths(titles: list[str], rows: list[list[shown.Cell]]) -> list[float]:
    longest = [max(len(title), 6, *(len(row[column].text) for row in rows)) for column, title in enumerate(titles)]
    return [0.984 * length / sum(longest) for length in longest]


def _cell(axes: Axes, place: tuple[float, float, float, float], cell: shown.Cell) -> None:
    left, y, width, height = place
    ink = "#222222"
    if cell.colour:
        axes.axhspan(y - height * 0.42, y + height * 0.42, left - 0.004, left + width - 0.008, color=cell.colour, lw=0)
        ink = shown.text_on(cell.colour)
    axes.text(left, y, cell.text, fontsize=9, color=ink, va="center")
    axes.axhline(y - height / 2, color=LINE, lw=0.7)
