"""Makes Grafana's JSON of a board, with Grafana's own builders."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    GridPos,
    RowPanel,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)  # fmt: skip
from grafana_foundation_sdk.models.dashboard import (
    Panel as PanelModel,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from boards import marks, variables
from boards.drawings import BUILDERS, fill
from boards.panel import GRID_COLUMNS, Board, Kind, Link, Panel, Query, Step
from boards.variables import DATA_SOURCE

TAG: Final = "mm-gateway"
AT_ONE_MOMENT: Final = {Kind.STAT, Kind.TABLE, Kind.BARS}
"""Kinds that ask for now alone. Over a range the last number of a gateway that is gone would look like one of now."""
ROW_HEIGHT: Final = 1


def to_json(board: Board, runbooks: str) -> str:
    """The dashboard as Grafana reads it; `runbooks` is the address of the folder of runbooks."""
    return JSONEncoder(indent=2).encode(_dashboard(board, runbooks).build()) + "\n"


def _dashboard(board: Board, runbooks: str) -> build.Dashboard:
    made = (
        build.Dashboard(board.title)
        .uid(board.uid)
        .description(f"{board.reader} Generated: change the package `boards` of the repository, not this.")
        .tags([TAG])
        .timezone("browser")
        .readonly()
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .time("now-3h", "now")
        .refresh("30s")
        .variables(variables.of(board, runbooks))
        .annotations(marks.of(board))
        .links([_other_boards()])
    )
    dashboard = made.build()
    dashboard.panels = list(_placed(board))
    return made


def _other_boards() -> build.DashboardLink:
    link = build.DashboardLink("Other boards").type(DashboardLinkType.DASHBOARDS).tags([TAG])
    return link.as_dropdown(True).include_vars(True).keep_time(True)


def _placed(board: Board) -> Iterable[PanelModel | RowPanel]:
    """Every panel with its number and place: from left to right, and each section below the one before."""
    number = y = 0
    for section in board.sections:
        if section.title:
            number += 1
            row = build.Row(section.title).id(number).grid_pos(GridPos(x=0, y=y, w=GRID_COLUMNS, h=ROW_HEIGHT))
            yield row.build()
            y += ROW_HEIGHT
        x = height = 0
        for panel in section.panels:
            number += 1
            if x + panel.width > GRID_COLUMNS:
                x, y = 0, y + height
            height = panel.height
            yield _panel(panel).id(number).grid_pos(GridPos(x=x, y=y, w=panel.width, h=panel.height)).build()
            x += panel.width
        y += height


def _panel(panel: Panel) -> Any:
    """A builder of the panel's kind, with what all kinds have."""
    made = (
        BUILDERS[panel.kind]()
        .title(panel.title)
        .description(f"**{panel.question}**\n\n**Good:** {panel.good}\n\n**Otherwise:** {panel.act}")
        .datasource(DATA_SOURCE)
        .links([_link(link) for link in panel.links])
        .unit(panel.unit)
        .no_value(panel.empty or "no data")
        .thresholds(thresholds(panel.steps, _base(panel)))
        .targets([_target(panel, number, query) for number, query in enumerate(panel.asked)])
    )
    if panel.decimals is not None:
        made.decimals(panel.decimals)
    if panel.states:
        made.mappings([_mapping(panel.states)])
    if panel.series_link:
        made.data_links([_link(panel.series_link)])
    fill(made, panel)
    return made


def _base(panel: Panel) -> str:
    # The lowest step of a graph is no line to draw: only what is above it says something.
    return "transparent" if panel.kind in {Kind.LINES, Kind.STACK} else panel.base


def _target(panel: Panel, number: int, query: Query) -> Dataquery:
    target = Dataquery().expr(query.expr).ref_id(chr(ord("A") + number)).datasource(DATA_SOURCE)
    if query.legend:
        target.legend_format(query.legend)
    if query.exemplars:
        target.exemplar(True)
    if panel.kind is Kind.TABLE:
        target.format(PromQueryFormat.TABLE)
    if panel.kind is Kind.HEATMAP:
        target.format(PromQueryFormat.HEATMAP)
    return target.instant() if panel.kind in AT_ONE_MOMENT else target.range()


def thresholds(steps: Iterable[Step], base: str) -> build.ThresholdsConfig:
    """The steps of a panel or column, and the colour below them."""
    values = [Threshold(value=None, color=base), *(Threshold(value=step.value, color=step.colour) for step in steps)]
    return build.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(values)


def _mapping(states: Any) -> ValueMap:
    return ValueMap(
        {
            str(value): ValueMappingResult(text=text, color=colour, index=index)
            for index, (value, (text, colour)) in enumerate(states.items())
        }
    )


def _link(link: Link) -> build.DashboardLink:
    made = build.DashboardLink(link.title).type(DashboardLinkType.LINK).url(link.url)
    # A runbook is read beside its board.
    return made.target_blank(link.url.startswith("${runbooks}"))
