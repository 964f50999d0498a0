from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.programs import why_missing

NOT_TRIED: Final = "not tried"
TESTS: Final = Path(__file__).parent
COUNTED: Final = (
    "acceptance/tracing/",
    "integration/http/",
    "integration/journal/",
    "integration/launch/",
    "integration/operators/",
    "integration/runtime/",
    "integration/telemetry/",
    "integration/transfers/",
    "unit/cli/",
    "unit/journal/",
    "unit/payments/",
    "unit/runtime/",
    "unit/telemetry/",
    "unit/transfers/",
    "unit/wire/",
)
"""Where lines are counted. Counting doubles what a test takes, and what others play has tests of its own here."""

LEFT_OUT: Final = pytest.StashKey[dict[str, int]]()
"""Why tests were deselected, and how many."""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs_programs(*names): programs of tests/support/programs.py that it runs")
    config.stash[LEFT_OUT] = {}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselects what needs a program that cannot be had. Continuous integration has them all, so there it fails."""
    for item in items:
        if item.path.is_relative_to(TESTS) and not item.path.relative_to(TESTS).as_posix().startswith(COUNTED):
            item.add_marker(pytest.mark.no_cover)
    if "CI" in os.environ:
        return
    why_not = {names: why_missing(names) for names in {_needed(item) for item in items}}
    left_out = [item for item in items if why_not[_needed(item)]]
    config.stash[LEFT_OUT] = dict(Counter(why_not[_needed(item)] for item in left_out))
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def _needed(item: pytest.Item) -> tuple[str, ...]:
    return tuple(name for mark in item.iter_markers("needs_programs") for name in mark.args)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker tells the process that prints the summary."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["left_out"] = session.config.stash[LEFT_OUT]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Every worker collects all tests, so any one of them knows all that was left out."""
    node.config.stash[LEFT_OUT] = getattr(node, "workeroutput", {}).get("left_out", {})


@pytest.fixture
def not_tried(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """What a test says that cannot try all it should on this machine; the run tells it in a line at its end."""
    return partial(record_property, NOT_TRIED)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for why, count in terminalreporter.config.stash[LEFT_OUT].items():
        terminalreporter.write_line(f"{NOT_TRIED}: {count} tests on real programs: {why}")
    told = [report.user_properties for report in terminalreporter.getreports("passed")]
    for what in dict.fromkeys(what for each in told for name, what in each if name == NOT_TRIED):
        terminalreporter.write_line(f"{NOT_TRIED}: {what}")
