"""What is Grafana's own about each kind of panel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from grafana_foundation_sdk.builders import (
    bargauge,
    dashboard,
    heatmap,
    stat,
    statetimeline,
    table,
    timeseries,
)  # fmt: skip
from grafana_foundation_sdk.builders import (
    common as build,
)
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import heatmap as heatmaps
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    Threshold,
    ValueMappingResult,
)  # fmt: skip

from boards.colours import Colour
from boards.panel import Column, Kind, Panel

LEAST_SHARE: Final = 0.1

BUILDERS: Final[Mapping[Kind, Callable[[], Any]]] = {
    Kind.STAT: stat.Panel,
    Kind.LINES: timeseries.Panel,
    Kind.STACK: timeseries.Panel,
    Kind.HEATMAP: heatmap.Panel,
    Kind.TABLE: table.Panel,
    Kind.STATES: statetimeline.Panel,
    Kind.BARS: bargauge.Panel,
}


def fill(made: Any, panel: Panel) -> None:
    """Adds what belongs to the panel's kind to the builder of that kind."""
    _FILLERS[panel.kind](made, panel)


def _stat(made: stat.Panel, _: Panel) -> None:
    made.reduce_options(build.ReduceDataOptions().calcs(["last"]).values(False))
    made.color_mode(common.BigValueColorMode.BACKGROUND_SOLID).graph_mode(common.BigValueGraphMode.NONE)
    made.color_scheme(dashboard.FieldColor().mode(FieldColorModeId.THRESHOLDS))


def _lines(made: timeseries.Panel, panel: Panel) -> None:
    made.draw_style(common.GraphDrawStyle.LINE).line_width(2).fill_opacity(0)
    _graph(made, panel)


def _stack(made: timeseries.Panel, panel: Panel) -> None:
    made.draw_style(common.GraphDrawStyle.LINE).line_width(1).fill_opacity(60)
    made.stacking(build.StackingConfig().mode(common.StackingMode.NORMAL).group("A"))
    _graph(made, panel)


def _graph(made: timeseries.Panel, panel: Panel) -> None:
    made.min(0) if panel.kind is Kind.STACK else made.axis_soft_min(0)
    if panel.unit == "percentunit":
        # A share of a thousandth must not look like a mountain.
        made.axis_soft_max(panel.maximum or LEAST_SHARE)
    made.show_points(common.VisibilityMode.NEVER)
    made.color_scheme(dashboard.FieldColor().mode(FieldColorModeId.SHADES).fixed_color(panel.shades))
    made.legend(
        build.VizLegendOptions()
        .display_mode(common.LegendDisplayMode.LIST)
        .placement(common.LegendPlacement.BOTTOM)
        .show_legend(True)
    )
    made.tooltip(build.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.DESCENDING))
    if panel.steps:
        made.thresholds_style(build.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED))
    for name, colour in panel.colours.items():
        made.override_by_name(name, list(_coloured(colour)))


def _coloured(colour: Colour) -> Iterable[DynamicConfigValue]:
    yield DynamicConfigValue("color", {"mode": "fixed", "fixedColor": colour})
    if colour is Colour.LIMIT:
        yield DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [8, 6]})


def _heatmap(made: heatmap.Panel, panel: Panel) -> None:
    made.calculate(False).cell_gap(1)
    made.color(
        heatmap.HeatmapColorOptions()
        .mode(heatmaps.HeatmapColorMode.SCHEME)
        .scheme("Blues")
        .scale(heatmaps.HeatmapColorScale.EXPONENTIAL)
        .exponent(0.5)
        .steps(64)
    )
    made.y_axis(heatmap.YAxisConfig().unit(panel.unit))
    made.cell_values(heatmap.CellValues().unit("reqps")).show_legend().exemplars_color(Colour.UNDONE)


def _table(made: table.Panel, panel: Panel) -> None:
    made.cell_height(common.TableCellHeight.SM)
    made.transformations(list(_joined(panel.key.split(", "), panel.columns)))
    made.sort_by([build.TableSortByFieldState().display_name(panel.columns[0].title).desc(True)])
    for column in panel.columns:
        made.override_by_name(column.title, list(_column(column)))


def _joined(key: list[str], columns: tuple[Column, ...]) -> Iterable[DataTransformerConfig]:
    """One row for each value of the labels that the columns' queries have in common."""
    yield DataTransformerConfig(id_val="merge", options={})
    # A single query's column has no letter in its name.
    names = ["Value"] if len(columns) == 1 else [f"Value #{chr(ord('A') + number)}" for number in range(len(columns))]
    titles = {name: column.title for name, column in zip(names, columns, strict=True)}
    order = {name: place for place, name in enumerate([*key, *names])}
    yield DataTransformerConfig(
        id_val="organize", options={"excludeByName": {"Time": True}, "indexByName": order, "renameByName": titles}
    )


def _column(column: Column) -> Iterable[DynamicConfigValue]:
    steps = [Threshold(value=None, color="transparent"), *(Threshold(step.value, step.colour) for step in column.steps)]
    yield DynamicConfigValue("unit", column.unit)
    yield DynamicConfigValue("thresholds", {"mode": "absolute", "steps": steps})
    yield DynamicConfigValue("custom.cellOptions", {"type": "color-background", "mode": "basic"})
    if column.states:
        named = {str(value): ValueMappingResult(text=text) for value, (text, _) in column.states.items()}
        yield DynamicConfigValue("mappings", [{"type": "value", "options": named}])


def _states(made: statetimeline.Panel, _: Panel) -> None:
    made.show_value(common.VisibilityMode.AUTO).row_height(0.8).merge_values(True)
    made.legend(build.VizLegendOptions().show_legend(False))
    made.color_scheme(dashboard.FieldColor().mode(FieldColorModeId.THRESHOLDS))


def _bars(made: bargauge.Panel, panel: Panel) -> None:
    made.reduce_options(build.ReduceDataOptions().calcs(["last"]).values(False))
    made.orientation(common.VizOrientation.HORIZONTAL).display_mode(common.BarGaugeDisplayMode.BASIC)
    made.color_scheme(dashboard.FieldColor().mode(FieldColorModeId.THRESHOLDS)).min(0)
    if panel.maximum is not None:
        made.max(panel.maximum)


_FILLERS: Final[Mapping[Kind, Callable[[Any, Panel], None]]] = {
    Kind.STAT: _stat,
    Kind.LINES: _lines,
    Kind.STACK: _stack,
    Kind.HEATMAP: _heatmap,
    Kind.TABLE: _table,
    Kind.STATES: _states,
    Kind.BARS: _bars,
}
