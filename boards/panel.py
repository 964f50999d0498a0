"""What a panel is, before it is Grafana's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from boards.colours import Colour

GRID_COLUMNS: Final = 24


class Kind(StrEnum):
    """How a panel shows its numbers."""

    STAT = "stat"
    LINES = "lines"
    STACK = "stack"
    HEATMAP = "heatmap"
    TABLE = "table"
    STATES = "states"
    BARS = "bars"


@dataclass(frozen=True)
class Query:
    """PromQL, and how the series that it gives are called (`{{label}}` stands for a label's value).

    `optional`: it may give no series, even if the panel's other queries do.
    """

    expr: str
    legend: str = ""
    exemplars: bool = False
    optional: bool = False


@dataclass(frozen=True)
class Step:
    """From this value on a number has this colour."""

    value: float
    colour: Colour


@dataclass(frozen=True)
class Column:
    """A column of a table: the query that fills it, its unit, and from which value on its cells have a colour."""

    title: str
    expr: str
    unit: str
    steps: tuple[Step, ...] = ()
    states: Mapping[int, tuple[str, Colour]] = field(default_factory=dict)


@dataclass(frozen=True)
class Link:
    """Where a panel leads: a title and an address, which may hold variables."""

    title: str
    url: str


@dataclass(frozen=True)
class Panel:
    """One question, and the numbers that answer it.

    `good` says what the panel looks like when all is well, `act` what to do when it does not. `base` is the colour
    below the first of `steps`, `colours` that of single series by their name; what is left is drawn in shades of
    `shades`. `states` names the values of a panel of states. `key` has the labels that name a row of a table. `empty`
    is shown where there is no series, which is in order: without it a panel always has some.
    """

    title: str
    question: str
    kind: Kind
    unit: str
    queries: tuple[Query, ...]
    good: str
    act: str
    links: tuple[Link, ...]
    steps: tuple[Step, ...] = ()
    width: int = 8
    height: int = 7
    base: Colour = Colour.OK
    shades: Colour = Colour.LOAD
    colours: Mapping[str, Colour] = field(default_factory=dict)
    columns: tuple[Column, ...] = ()
    key: str = ""
    states: Mapping[int, tuple[str, Colour]] = field(default_factory=dict)
    maximum: float | None = None
    decimals: int | None = None
    logarithmic: bool = False
    empty: str = ""
    series_link: Link | None = None

    @property
    def asked(self) -> tuple[Query, ...]:
        """Everything that the panel asks for."""
        return self.queries or tuple(Query(column.expr, column.title) for column in self.columns)


@dataclass(frozen=True)
class Section:
    """A row of the board: a heading, empty for none, and panels from left to right."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Board:
    """A dashboard. `name` is the end of its uid and its file's name; `variables` are those that it offers."""

    name: str
    title: str
    reader: str
    sections: tuple[Section, ...]
    variables: tuple[str, ...]
    one_operator: bool = False

    @property
    def uid(self) -> str:
        """What links, bookmarks and alerts name it by. It never changes."""
        return f"mm-gateway-{self.name}"

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All panels, in the order in which they are read."""
        return tuple(panel for section in self.sections for panel in section.panels)
