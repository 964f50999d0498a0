"""The boards' queries as Prometheus gets them: with Grafana's variables replaced."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from boards import marks
from boards.catalogue import BOARDS

EVERYTHING: Final = {
    "job": ".*",
    "instance": ".*",
    "operator": ".*",
    "journal": ".*",
    "__rate_interval": "1m",
    "__range": "10m",
}
"""All gateways, operators and journals. Windows are those of a scrape every 15 seconds, seen over ten minutes."""

_VARIABLE: Final = re.compile(r"\$(\w+)")


class Asked(NamedTuple):
    """A query: the name of its board, the title of its panel (for marks on graphs: `annotation: NAME`), and PromQL.

    Where `may_be_empty` is false, a gateway with traffic and a scrape or two gives it at least one series.
    """

    board: str
    panel: str
    expr: str
    may_be_empty: bool


def queries(values: Mapping[str, str] = EVERYTHING) -> list[Asked]:
    """Every query of every board; `values` replaces what Grafana would, and may name only some of the variables."""
    chosen = EVERYTHING | dict(values)
    return [
        Asked(board.name, title, replaced(expr, chosen), may_be_empty)
        for board in BOARDS
        for title, expr, may_be_empty in [
            *(
                (each.title, query.expr, bool(each.empty) or query.optional)
                for each in board.panels
                for query in each.asked
            ),
            *((f"annotation: {mark.name}", mark.expr, not mark.at_value) for mark in marks.shown(board)),
        ]
    ]


def replaced(expr: str, values: Mapping[str, str]) -> str:
    """An expression with its variables replaced. Raises `KeyError` for one that has no value."""
    return _VARIABLE.sub(lambda match: values[match[1]], expr)
