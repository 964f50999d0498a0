from __future__ import annotations

from prometheus_client import CollectorRegistry

from gateway.telemetry.series import Counters


def test_a_counter_that_was_started_stands_at_0_and_keeps_what_it_counted() -> None:
    registry = CollectorRegistry()
    counters = Counters("mm_things", "Things.", ("operator",), registry)
    counters.start("acme")
    counters.count("zenith")
    counters.start("zenith")
    assert registry.get_sample_value("mm_things_total", {"operator": "acme"}) == 0
    assert registry.get_sample_value("mm_things_total", {"operator": "zenith"}) == 1
