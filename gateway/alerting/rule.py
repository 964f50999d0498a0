"""What a rule is: an alert, or an expression whose result Prometheus records."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Severity(StrEnum):
    """Whom an alert reaches (docs/decisions/100-alerts.md)."""

    PAGE = "page"
    """Somebody is woken: money waits, or calls fail, and it does not mend itself."""

    TICKET = "ticket"
    """Somebody looks during the day."""


class Board(StrEnum):
    """A board of Grafana, by the last part of its uid."""

    OVERVIEW = "overview"
    OPERATOR = "operator"
    ROLLBACKS = "rollbacks"
    JOURNAL = "journal"
    PROCESS = "process"


class Recording(msgspec.Struct, frozen=True):
    """The result of `expr` is recorded as `name`.

    In PromQL here, `[2m]` is a window and `$2m` a number of seconds; `scale.py` shortens both for trials.
    """

    name: str
    expr: str


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """Fires for each series of `expr` that has been there for `wait`, until it has been gone for `keep`.

    `wait` and `keep` are durations as Prometheus writes them; `0s` is at once. `summary` and `description` are its
    templates. `board` shows the fault, narrowed to the labels `shown_by`. `labels` are added to those of `expr`.
    """

    name: str
    severity: Severity
    expr: str
    summary: str
    description: str
    board: Board
    shown_by: tuple[str, ...] = ()
    wait: str = "0s"
    keep: str = "0s"
    labels: dict[str, str] = {}


Rule = Recording | Alert


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Rules that are evaluated one after the other: what one records, the next may use. `every`: how often, None as
    often as Prometheus evaluates without being told."""

    name: str
    rules: tuple[Rule, ...]
    every: str | None = None
