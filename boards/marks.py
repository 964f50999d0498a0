"""What happened, as marks on every graph of a board: restarts, reloads, changes of circuit breakers, alerts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as model

from boards.colours import Colour
from boards.expressions import INSTANCE, OPERATOR, gauge, where
from boards.panel import Board
from boards.variables import DATA_SOURCE


@dataclass(frozen=True)
class Mark:
    """A query whose values above 0 are marks; with `at_value` each value is itself the time of one, in milliseconds."""

    name: str
    expr: str
    title: str
    labels: str
    colour: Colour
    at_value: bool = False


_ALL_BOARDS: Final = (
    Mark("Restarts", f"1000 * process_start_time_seconds{{{INSTANCE}}}", "restart of {{instance}}", "instance",
         Colour.DECLINED, at_value=True),
    Mark("Reloads", f"1000 * mm_gateway_config_loaded_timestamp_seconds{{{INSTANCE}}}", "configuration of {{instance}}",
         "instance", Colour.OK, at_value=True),
    Mark("Alerts", 'ALERTS{alertname=~"MmGateway.+", alertstate="firing"}', "{{alertname}}",
         "severity, operator, instance", Colour.FAILED),
)  # fmt: skip
_BREAKERS: Final = Mark(
    "Circuit breakers",
    f"1 - {gauge('breaker_state', where(OPERATOR, state='closed'), 'min', 'operator')} > 0",
    "{{operator}}: calls are held back",
    "operator",
    Colour.WAITING,
)


def shown(board: Board) -> tuple[Mark, ...]:
    """The marks of a board. Breakers belong to operators, and a board without them cannot choose whose."""
    return (*_ALL_BOARDS, _BREAKERS) if "operator" in board.variables else _ALL_BOARDS


def of(board: Board) -> list[Any]:
    """A builder for each of them."""
    return [_Marks(mark) for mark in shown(board)]


class _PrometheusAnnotation(model.AnnotationQuery):
    """The builders know only the expression; what Grafana's Prometheus plugin reads besides is added here."""

    mark: Mark

    def to_json(self) -> dict[str, object]:
        return super().to_json() | {
            "titleFormat": self.mark.title,
            "tagKeys": self.mark.labels,
            "useValueForTime": self.mark.at_value,
            "step": "15s",
        }


class _Marks(Builder[model.AnnotationQuery]):
    def __init__(self, mark: Mark) -> None:
        self._mark = mark

    def build(self) -> model.AnnotationQuery:
        known = build.AnnotationQuery().name(self._mark.name).datasource(DATA_SOURCE).expr(self._mark.expr)
        made = _PrometheusAnnotation()
        made.__dict__.update(vars(known.enable(True).icon_color(self._mark.colour).build()))
        made.mark = self._mark
        return made
