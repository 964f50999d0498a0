"""What a PromQL expression asks for: names of metrics, labels, bounds of buckets. And what there is to ask for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import promql_parser

from gateway.alerting.rule import Recording
from gateway.alerting.rules_file import Options, groups

PAGE: Final = Path(__file__).parents[2] / "docs" / "metrics.md"
ROW: Final = re.compile(r"^\| `(?P<name>\w+)` \| (?P<type>\w+) \|(?P<labels>[^|]*)\|", re.MULTILINE)
TARGETS: Final = frozenset({"job", "instance"})
"""What Prometheus itself adds to every series."""

PROMETHEUS_OWN: Final = {"up": TARGETS, "ALERTS": TARGETS | {"alertname", "alertstate", "severity", "operator"}}


class Asked(NamedTuple):
    """One selector of an expression, with the labels that it is narrowed by."""

    metric: str
    labels: frozenset[str]


def selectors(expr: str) -> Iterator[Asked]:
    """Every selector in the expression. Raises `ValueError` if that is not PromQL."""
    stack: list[Any] = [promql_parser.parse(expr)]
    while stack:
        node = stack.pop()
        if isinstance(node, promql_parser.VectorSelector):
            yield Asked(str(node.name), frozenset(each.name for each in node.matchers.matchers))
        else:
            stack += _parts(node)


def known() -> Mapping[str, frozenset[str]]:
    """The labels of every series that there is, by its name: the gateway's, Prometheus' own, and what is recorded."""
    return {**_metrics(), **PROMETHEUS_OWN, **_recorded()}


def _metrics() -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for row in ROW.finditer(PAGE.read_text(encoding="utf-8")):
        labels = TARGETS | set(re.findall(r"\w+", row["labels"]))
        if row["type"] == "histogram":
            found |= {f"{row['name']}_count": labels, f"{row['name']}_sum": labels}
            found[f"{row['name']}_bucket"] = labels | {"le"}
        else:
            found[row["name"]] = labels
    return found


def _recorded() -> dict[str, frozenset[str]]:
    """By convention a recorded series begins with the labels that it has left."""
    rules = [rule for group in groups(Options()) for rule in group.rules if isinstance(rule, Recording)]
    return {rule.name: frozenset(rule.name.partition(":")[0].split("_")) for rule in rules}


def _parts(node: Any) -> list[Any]:
    if isinstance(node, promql_parser.BinaryExpr):
        return [node.lhs, node.rhs]
    if isinstance(node, promql_parser.Call):
        return list(node.args)
    if isinstance(node, promql_parser.MatrixSelector):
        return [node.vector_selector]
    inner = getattr(node, "expr", None)
    return [] if inner is None else [inner]
