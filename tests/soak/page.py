"""The report: one HTML file with its plots drawn in it, and nothing loaded from elsewhere."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Final, NamedTuple

WIDTH: Final = 720
HEIGHT: Final = 200
LEFT: Final = 56
BOTTOM: Final = 24
TOP: Final = 12
COLOURS: Final = ("#1f6feb", "#d1570a", "#2a8a4a", "#8b46c1", "#b3203a", "#0f7c88", "#6b6b1f")
TICKS: Final = 4

STYLE: Final = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1b1f24; --quiet: #667; --line: #d8dbe0; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171b; --ink: #e6e8eb; --quiet: #9aa3ad; --line: #333a42; } }
body { background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto;
       max-width: 760px; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.05rem; margin: 2rem 0 .3rem; }
table { border-collapse: collapse; } td, th { border-bottom: 1px solid var(--line); padding: .25rem 1rem .25rem 0;
       text-align: left; font-variant-numeric: tabular-nums; }
svg { width: 100%; height: auto; } svg text { fill: var(--quiet); font: 11px system-ui, sans-serif; }
.grid { stroke: var(--line); } .warm { fill: var(--line); opacity: .35; }
.key { margin-right: 1.2em; } .bad { color: #d1242f; font-weight: 600; } pre { white-space: pre-wrap; }
"""


class Line(NamedTuple):
    """One curve: a name and a value for each moment."""

    name: str
    values: Sequence[float]


class Plot(NamedTuple):
    """Curves over the same moments (seconds), the first `warm_up_s` of which are not judged."""

    title: str
    times: Sequence[float]
    lines: Sequence[Line]
    warm_up_s: float = 0.0


def page(
    title: str, verdict: str, good: bool, facts: Sequence[tuple[str, str]], plots: Sequence[Plot], rest: str
) -> str:
    """The whole file. `facts` are a name and a value each; `rest` is shown as it is, at the end."""
    rows = "".join(f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>" for name, value in facts)
    details = f"<h2>What was wrong</h2><pre>{html.escape(rest)}</pre>" if rest else ""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head><body>'
        f'<h1>{html.escape(title)}</h1><p class="{"good" if good else "bad"}">{html.escape(verdict)}</p>'
        f"<table>{rows}</table>{''.join(map(_section, plots))}{details}</body></html>\n"
    )


def _section(plot: Plot) -> str:
    keys = "".join(
        f'<span class="key"><span style="color:{colour}">■</span> {html.escape(line.name)}</span>'
        for line, colour in zip(plot.lines, _colours(plot), strict=True)
    )
    return f"<h2>{html.escape(plot.title)}</h2><div>{keys if len(plot.lines) > 1 else ''}</div>{svg(plot)}"


def svg(plot: Plot) -> str:
    """The curves with their axes."""
    top = _ceiling(max((max(line.values, default=0.0) for line in plot.lines), default=0.0))
    end = plot.times[-1]
    parts = [
        f'<rect class="warm" x="{LEFT}" y="{TOP}" width="{_x(plot.warm_up_s, end) - LEFT:.1f}" height="{HEIGHT}"/>'
    ]
    for tick in range(TICKS + 1):
        y = _y(top * tick / TICKS, top)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{top * tick / TICKS:g}</text>')
        moment = end * tick / TICKS
        anchor = "end" if tick == TICKS else "middle"
        parts.append(
            f'<text x="{_x(moment, end):.1f}" y="{TOP + HEIGHT + 16}" text-anchor="{anchor}">{moment:.0f} s</text>'
        )
    for line, colour in zip(plot.lines, _colours(plot), strict=True):
        points = " ".join(
            f"{_x(at, end):.1f},{_y(value, top):.1f}" for at, value in zip(plot.times, line.values, strict=True)
        )
        parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{points}"/>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH + 4} {TOP + HEIGHT + BOTTOM}" role="img" '
        f'aria-label="{html.escape(plot.title)}">{"".join(parts)}</svg>'
    )


def _colours(plot: Plot) -> list[str]:
    return [COLOURS[number % len(COLOURS)] for number in range(len(plot.lines))]


def _x(at: float, end: float) -> float:
    return LEFT + (WIDTH - LEFT) * at / end


def _y(value: float, top: float) -> float:
    return TOP + HEIGHT * (1 - value / top)


def _ceiling(value: float) -> float:
    """The next number above that reads well on an axis."""
    size = 1.0
    while size < value:
        size *= 10
    return next((size * part for part in (0.1, 0.2, 0.4, 0.5, 0.8) if size * part >= value), size)
