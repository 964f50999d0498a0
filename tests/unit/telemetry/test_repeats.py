from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, Final

import pytest
import structlog

from gateway.telemetry.repeats import LIMITED, WINDOW_S, RepeatLimit

WAITS: Final = "delivery waits for the journal"
PATIENCE_S: Final = 20.0


class Limited:
    """A limit whose clock stands until it is moved; `lines` is what was logged."""

    def __init__(self) -> None:
        self.now = 0.0
        self.lines: list[dict[str, Any]] = []
        self.summarized = threading.Event()
        self.limit = RepeatLimit(self._note, lambda: self.now)

    def log(self, event: str = WAITS, **fields: Any) -> None:
        line = {"event": event, **fields}
        if self.limit.admits("warning", line):
            self.lines.append(line)

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.limit.summarize()

    def _note(self, method: str, event: Any) -> None:
        self.lines.append({"level": method, **event})
        self.summarized.set()


@pytest.fixture
def limited() -> Iterator[Limited]:
    limited = Limited()
    yield limited
    if limited.limit._timer is not None:
        limited.limit._timer.cancel()


def test_the_first_is_logged_at_once_and_then_one_summary_a_minute_says_how_many_there_were(limited: Limited) -> None:
    for error in ("first", "second", "third"):
        limited.log(operator="acme", error=error)
    assert limited.lines == [{"event": WAITS, "operator": "acme", "error": "first"}]
    limited.pass_time(WINDOW_S)
    summary = {"level": "warning", "event": WAITS, "operator": "acme", "error": "third", "repeated": 2}
    assert limited.lines[1:] == [summary]
    limited.log(operator="acme", error="fourth")
    limited.pass_time(WINDOW_S)
    assert limited.lines[2:] == [{**summary, "error": "fourth", "repeated": 1}]


def test_what_has_ended_is_not_told_again_and_begins_anew(limited: Limited) -> None:
    limited.log(operator="acme")
    limited.pass_time(WINDOW_S)
    limited.log(operator="acme")
    assert [line.get("repeated") for line in limited.lines] == [None, None]


def test_after_a_summary_a_minute_without_any_ends_the_series(limited: Limited) -> None:
    limited.log(operator="acme")
    limited.log(operator="acme")
    limited.pass_time(WINDOW_S)
    limited.pass_time(WINDOW_S)
    limited.log(operator="acme")
    assert [line.get("repeated") for line in limited.lines] == [None, 1, None]


def test_each_operator_has_a_series_of_its_own(limited: Limited) -> None:
    for operator in ("acme", "other", "acme", "other", "other"):
        limited.log(operator=operator)
    limited.pass_time(WINDOW_S)
    assert [(line["operator"], line.get("repeated")) for line in limited.lines] == [
        ("acme", None),
        ("other", None),
        ("acme", 1),
        ("other", 2),
    ]


def test_what_is_not_named_is_never_limited(limited: Limited) -> None:
    for _ in range(3):
        limited.log("parked", operator="acme")
    assert len(limited.lines) == 3
    assert "parked" not in LIMITED


def test_a_summary_is_logged_without_being_asked_for(limited: Limited, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.telemetry.repeats.WINDOW_S", 0.0)
    limited.log(operator="acme")
    limited.limit._series[WAITS, "acme"].count = 1
    limited.limit._series[WAITS, "acme"].last = {"event": WAITS}
    limited.limit._start_timer()
    assert limited.summarized.wait(PATIENCE_S)
    assert limited.lines[-1]["repeated"] == 1


def test_as_a_processor_it_drops_what_it_does_not_admit(limited: Limited) -> None:
    assert limited.limit(None, "warning", {"event": WAITS}) == {"event": WAITS}
    with pytest.raises(structlog.DropEvent):
        limited.limit(None, "warning", {"event": WAITS})
