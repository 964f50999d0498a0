"""Where panels lead: to runbooks, to other boards, and to the command that lists what is behind a number."""

from __future__ import annotations

import re
from typing import Final

from boards.panel import Link

KEPT: Final = "${__url_time_range}&${datasource:queryparam}&${job:queryparam}"
"""What a link to another board takes along: the time, the data source and the job."""


def runbook(alert: str) -> Link:
    """The page of an alert, named without its prefix: `runbook("JournalFails")`."""
    page = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", alert).lower()
    return Link(f"Runbook: {page.replace('-', ' ')}", f"${{runbooks}}/{page}.md")


def board(name: str, title: str, operator: bool = True) -> Link:
    """Another board, for the same time and, where both have it, the same operator."""
    kept = f"{KEPT}&${{operator:queryparam}}" if operator else KEPT
    return Link(f"Board: {title}", f"/d/mm-gateway-{name}?{kept}")


def operators_board() -> Link:
    """The board Operator, for the operator whose series was clicked."""
    return Link("Board: Operator", f"/d/mm-gateway-operator?{KEPT}&var-operator=${{__field.labels.operator}}")


def operators_board_of_row() -> Link:
    """The same for a table, whose cells have no labels."""
    return Link("Board: Operator", f"/d/mm-gateway-operator?{KEPT}&var-operator=${{__data.fields.operator}}")


def command(text: str, alert: str) -> Link:
    """What to type for the transfers behind the number; it leads to the runbook that explains it."""
    return Link(f"Command: {text}", runbook(alert).url)


OPERATOR: Final = board("operator", "Operator")
ROLLBACKS: Final = board("rollbacks", "Rollbacks")
OVERVIEW: Final = board("overview", "Overview", operator=False)
JOURNAL: Final = board("journal", "Journal", operator=False)
PROCESS: Final = board("process", "Process and edge", operator=False)

RUNBOOKS: Final = Link("Runbooks: all", "${runbooks}/README.md")

PARKED: Final = command("mm-gateway transfers --state parked", "Parked")
HELD: Final = command("mm-gateway transfers --state held --until 1h", "Abandoned")
UNDELIVERED: Final = command("mm-gateway transfers --state confirming --state rolling_back", "Undelivered")
REASONS: Final = command("mm-gateway rollbacks --since 2h --sum", "HoldsFailing")
CHECK: Final = command("mm-gateway check --probe", "JournalFails")
GATEWAYS_REASONS: Final = command("mm-gateway rollbacks --since 2h --source gateway", "HoldsFailing")
CHECK_FILE: Final = command("mm-gateway check", "ConfigNotReloaded")
