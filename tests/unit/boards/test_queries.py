"""Every query is PromQL, and asks for metrics and labels that there are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import promql_parser
import pytest

from boards.asked import Asked, queries
from boards.catalogue import BOARDS
from boards.marks import shown

ROOT: Final = Path(__file__).parents[3]
ROW: Final = re.compile(r"^\| `(\w+)` \| (\w+) \|([\w, ]*)\|", re.MULTILINE)
TARGET: Final = {"job", "instance"}
"""The labels that Prometheus gives to all that it scrapes."""
OF_PROMETHEUS: Final = {
    "up": TARGET,
    "scrape_duration_seconds": TARGET,
    "scrape_samples_scraped": TARGET,
    "ALERTS": {"alertname", "alertstate"},
}
LABEL_OF_BUCKETS: Final = "le"


def metrics() -> dict[str, set[str]]:
    """The labels of every series that there may be, by its name, from the page on metrics."""
    page = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    found = dict(OF_PROMETHEUS)
    for name, kind, listed in ROW.findall(page):
        labels = {label.strip() for label in listed.split(",") if label.strip()} | TARGET
        ends = {"_bucket": labels | {LABEL_OF_BUCKETS}, "_count": labels, "_sum": labels}
        found |= {name + end: of for end, of in ends.items()} if kind == "histogram" else {name: labels}
    return found


METRICS: Final = metrics()


def parts(expr: promql_parser.Expr) -> Iterator[promql_parser.Expr]:
    """An expression and all that it is made of."""
    found: list[promql_parser.Expr] = []
    promql_parser.walk(expr, found.append)
    return iter(found)


def selectors(expr: promql_parser.Expr) -> list[promql_parser.VectorSelector]:
    return [part for part in parts(expr) if isinstance(part, promql_parser.VectorSelector)]


def grouped(expr: promql_parser.Expr) -> list[tuple[set[str], set[str]]]:
    """Of each aggregation: the labels that it keeps, and those that the series below it have."""
    return [
        (
            set(part.modifier.labels),
            {label for each in selectors(part.expr) for label in METRICS.get(each.name or "", ())},
        )
        for part in parts(expr)
        if isinstance(part, promql_parser.AggregateExpr) and part.modifier is not None
    ]


@pytest.mark.parametrize("asked", queries(), ids=lambda asked: f"{asked.board}-{asked.panel}")
def test_a_query_asks_for_metrics_and_labels_that_there_are(asked: Asked) -> None:
    expr = promql_parser.parse(asked.expr)
    for selector in selectors(expr):
        assert selector.name in METRICS
        assert {matcher.name for matcher in selector.matchers.matchers} <= METRICS[selector.name]
    for kept, there in grouped(expr):
        assert kept <= there


def test_gauges_that_every_gateway_reports_alike_are_never_summed_over_gateways() -> None:
    alike = re.compile(r"mm_gateway_(transfers|undelivered_oldest|journal_rows|journal_bytes)")
    wrong = [
        asked.expr
        for asked in queries()
        for part in parts(promql_parser.parse(asked.expr))
        if isinstance(part, promql_parser.AggregateExpr)
        and str(part.op) == "sum"
        and isinstance(part.expr, promql_parser.VectorSelector)
        and alike.match(part.expr.name or "")
        and not (part.expr.name or "").startswith("mm_gateway_transfers_ended")
    ]
    assert wrong == []


def test_counters_are_asked_for_their_rate_or_increase_alone() -> None:
    counters = re.compile(r"\w+(_total|_bucket|_count|_sum)\{")
    for asked in queries():
        for match in counters.finditer(asked.expr):
            end = asked.expr.index("}", match.start()) + 1
            assert asked.expr[end] == "[", asked


def test_variables_are_replaced_by_what_is_given() -> None:
    asked = {each.expr for each in queries({"operator": "acme", "__rate_interval": "2s"})}
    assert not [expr for expr in asked if "$" in expr]
    assert [expr for expr in asked if 'operator=~"acme"' in expr and "[2s]" in expr]
    assert not [expr for expr in asked if 'operator=~".*"' in expr]


def test_a_variable_without_a_value_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(queries.__globals__["EVERYTHING"], "journal")
    with pytest.raises(KeyError, match="journal"):
        queries()


def test_every_variable_of_a_board_chooses_something_on_it() -> None:
    unused = [
        (board.name, variable)
        for board in BOARDS
        for variable in board.variables
        if variable != "datasource"
        and not any(f"${variable}" in query.expr for panel in board.panels for query in panel.asked)
    ]
    assert unused == []


def test_a_board_asks_with_no_variable_that_it_lacks() -> None:
    used = {
        (board.name, name)
        for board in BOARDS
        for expr in [
            *(query.expr for panel in board.panels for query in panel.asked),
            *(mark.expr for mark in shown(board)),
        ]
        for name in re.findall(r"\$([a-z]\w+)", expr)
    }
    assert used <= {(board.name, name) for board in BOARDS for name in board.variables}
