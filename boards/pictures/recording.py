"""What Prometheus answers to a dashboard's queries over some time, kept in a file.

The file is JSON: `start` and `end` (Unix time), `step` (seconds), and `boards`: for each dashboard, by its uid,
`operator` (the one that a board of one operator shows), `panels` (by the panel's id, then by the query's `refId`: the
`result` of Prometheus's answer) and `annotations` (by name).
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp

from boards.asked import EVERYTHING, replaced

POINTS: Final = 240
"""Of a graph: about as many as Grafana asks for in a panel of a third of a laptop's screen."""
SCRAPES_IN_A_RATE: Final = 4

OVER_THE_RANGE: Final = False

Ask = Callable[[str, bool], Awaitable[list[Any]]]
"""Asks for an expression, at the end (true) or over the range (false)."""


@dataclass(frozen=True)
class Span:
    """From when to when (Unix time), and how often Prometheus scrapes (seconds)."""

    start: float
    end: float
    scrape_s: float = 15.0

    @property
    def step_s(self) -> float:
        """The time between two points of a graph."""
        return max((self.end - self.start) / POINTS, self.scrape_s)

    def variables(self, operator: str) -> Mapping[str, str]:
        """Grafana's variables for this span, computed as Grafana computes them."""
        rate_s = max(self.step_s + self.scrape_s, SCRAPES_IN_A_RATE * self.scrape_s)
        times = {"__rate_interval": f"{rate_s * 1000:.0f}ms", "__range": f"{self.end - self.start:.0f}s"}
        return EVERYTHING | times | {"operator": operator}


async def record(prometheus: str, dashboards: list[Path], span: Span, operator: str) -> dict[str, Any]:
    """Asks everything that these dashboards ask. `operator` is shown by a board of one operator.

    Raises `aiohttp.ClientResponseError` if Prometheus refuses a query.
    """
    answers: dict[str, Any] = {}
    async with aiohttp.ClientSession(prometheus, raise_for_status=True) as client:
        for path in dashboards:
            board = json.loads(path.read_text(encoding="utf-8"))
            chosen = operator if _shows_one(board) else EVERYTHING["operator"]
            answers[board["uid"]] = await _board(board, _asker(client, span, span.variables(chosen))) | {
                "operator": chosen
            }
    return {"start": span.start, "end": span.end, "step": span.step_s, "boards": answers}


def _shows_one(board: dict[str, Any]) -> bool:
    return any(each["name"] == "operator" and not each.get("includeAll") for each in board["templating"]["list"])


def _asker(client: aiohttp.ClientSession, span: Span, variables: Mapping[str, str]) -> Ask:
    async def ask(expr: str, at_end: bool) -> list[Any]:
        query = {"query": replaced(expr, variables)}
        if at_end:
            path, times = "/api/v1/query", {"time": span.end}
        else:
            path, times = "/api/v1/query_range", {"start": span.start, "end": span.end, "step": span.step_s}
        async with client.post(path, data=query | {name: str(value) for name, value in times.items()}) as answer:
            result: list[Any] = (await answer.json())["data"]["result"]
            return result

    return ask


async def _board(board: dict[str, Any], ask: Ask) -> dict[str, Any]:
    panels: dict[str, dict[str, Any]] = {}
    for panel, target in _targets(board):
        asked = panels.setdefault(str(panel["id"]), {})
        asked[target["refId"]] = await ask(target["expr"], bool(target.get("instant")))
    marks = {mark["name"]: await ask(mark["expr"], OVER_THE_RANGE) for mark in board["annotations"]["list"]}
    return {"panels": panels, "annotations": marks}


def _targets(board: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    return ((panel, target) for panel in board["panels"] for target in panel.get("targets", []))
