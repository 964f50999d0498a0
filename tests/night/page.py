"""Draws the night as `docs/night.md`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from gateway.alerting.rules_file import runbook
from tests.night.pager import Message
from tests.night.play import Night, Played
from tests.night.script import ACTS, Act

PAGE: Final = Path(__file__).parents[2] / "docs" / "night.md"
HEAD: Final = """\
# A night on call

Drawn by `make night`, and not edited by hand: a real Prometheus and a real Alertmanager, with the shipped files, watch
three gateways on PostgreSQL and one on SQLite, all real processes. Eight troubles are made, one after the other, while
players buy. The night wakes whom it should, and nobody besides.

All times in the rules are divided by {scale:g}, so that what would take minutes takes seconds; what the gateways do
takes as long as ever. A bar is a trouble from when it was made to when it was mended; below it is each page, from when
somebody was woken to when they were told that it is over.

```mermaid
gantt
    dateFormat x
    axisFormat %M:%S
"""
TABLE: Final = """\
| trouble | who is told | page after | resolved after the mend |
|---|---|---|---|
"""


def draw(night: Night) -> str:
    """The whole page."""
    bars = "".join(line for played in night.acts for line in _bars(played, night.began))
    rows = "".join(_row(act, played) for act, played in zip(ACTS, night.acts, strict=True))
    return f"{HEAD.format(scale=night.scale)}{bars}```\n\n{TABLE}{rows}"


def _bars(played: Played, began: float) -> Iterator[str]:
    yield f"    section {played.what}\n"
    yield f"    trouble :active, {_span(played.made, played.mended, began)}\n"
    for message in _pages(played):
        yield f"    {_short(message.alerts)} :crit, {_span(message.began, message.ended or message.began, began)}\n"


def _span(start: float, end: float, began: float) -> str:
    return f"{1000 * (start - began):.0f}, {1000 * (end - began):.0f}"


def _row(act: Act, played: Played) -> str:
    pages = _pages(played)
    told = [
        *(f"page: {_links(page.alerts)}" for page in pages),
        *([f"ticket: {_links({act.ticket})}"] if act.ticket else []),
    ]
    after = f"{pages[0].began - played.made:.0f} s" if pages else "nobody is woken"
    over = f"{max(0.0, pages[0].ended - played.mended):.0f} s" if pages else "–"
    return f"| {act.what} | {'; '.join(told)} | {after} | {over} |\n"


def _pages(played: Played) -> list[Message]:
    return [message for message in played.messages if message.receiver == "page"]


def _links(alerts: set[str]) -> str:
    return ", ".join(f"[{alert}](runbooks/{runbook(alert)})" for alert in sorted(alerts))


def _short(alerts: set[str]) -> str:
    return " and ".join(alert.removeprefix("MmGateway") for alert in sorted(alerts))
