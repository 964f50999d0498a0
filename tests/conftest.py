from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

NOT_TRIED = "not tried"


@pytest.fixture
def not_tried(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """What a test says that cannot try all it should on this machine; the run tells it in a line at its end."""
    return partial(record_property, NOT_TRIED)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    told = [report.user_properties for report in terminalreporter.getreports("passed")]
    for what in dict.fromkeys(what for each in told for name, what in each if name == NOT_TRIED):
        terminalreporter.write_line(f"{NOT_TRIED}: {what}")
