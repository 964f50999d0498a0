"""The variables at the top of a board: which data, and whose."""

from __future__ import annotations

from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models.dashboard import DataSourceRef, VariableOption, VariableRefresh, VariableSort

from boards.panel import Board

DATA_SOURCE: Final = DataSourceRef("prometheus", "${datasource}")
ALL: Final = ".*"
"""What `All` stands for: also series without the label, such as errors of calls whose operator is not known."""

LABEL_VALUES: Final = 1
"""How Grafana's Prometheus plugin numbers this kind of query."""

_VALUES: Final = {
    "job": "label_values(mm_gateway_build_info, job)",
    "instance": 'label_values(mm_gateway_build_info{job=~"$job"}, instance)',
    "operator": 'label_values(mm_gateway_operator_calls_limit{job=~"$job"}, operator)',
    "journal": 'label_values(mm_gateway_journal_writes_limit{job=~"$job"}, journal)',
}


def of(board: Board, runbooks: str) -> list[Any]:
    """A builder for each variable of a board, and one that is not shown: where the runbooks can be read."""
    shown = [_source() if name == "datasource" else _query(name, _is_single(board, name)) for name in board.variables]
    return [*shown, build.ConstantVariable("runbooks").value(runbooks)]


def _is_single(board: Board, name: str) -> bool:
    return board.one_operator and name == "operator"


def _source() -> build.DatasourceVariable:
    return build.DatasourceVariable("datasource").label("Data source").type("prometheus")


def _query(name: str, single: bool) -> build.QueryVariable:
    made = (
        build.QueryVariable(name)
        .label(name.capitalize())
        .datasource(DATA_SOURCE)
        .query({"qryType": LABEL_VALUES, "query": _VALUES[name], "refId": f"variable-{name}"})
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
    )
    return made if single else _with_all(made)


def _with_all(made: build.QueryVariable) -> build.QueryVariable:
    everything = VariableOption(selected=True, text=["All"], value=["$__all"])
    return made.multi(True).include_all(True).all_value(ALL).current(everything)
