"""Each format, read by somebody else's parser."""

from __future__ import annotations

import math
from collections.abc import Iterable

import pytest
from prometheus_client import CollectorRegistry, Gauge, Metric, Summary, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.parser import text_string_to_metric_families as parse_text

from gateway.telemetry.exposition import Exposition
from gateway.telemetry.series import Counters, Histograms
from tests.support import client_model

PROTOBUF = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
OPEN_METRICS = "application/openmetrics-text;version=1.0.0"
NOW = 1_700_000_000.25
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def calls(registry: CollectorRegistry) -> Histograms:
    return Histograms("mm_call_seconds", "Calls.", ("operator", "call"), (0.1, 1.0), registry)


@pytest.fixture
def everything(registry: CollectorRegistry, calls: Histograms, monkeypatch: pytest.MonkeyPatch) -> CollectorRegistry:
    """Every kind of number, with label values of all sorts."""
    monkeypatch.setattr("gateway.telemetry.series.time.time", lambda: NOW)
    counters = Counters("mm_things", 'Things: "some" \\ and\nmore.', ("operator",), registry)
    for name in ("acme", 'a"b\\c\nd', "", "Zenit – Зенит"):
        counters.start(name)
        counters.count(name)
    counters.start("idle")
    Histograms("mm_lag_seconds", "Lag.", (), (0.01,), registry).observe(0.5)
    Histograms("mm_unused_seconds", "Nothing.", ("operator",), (0.01,), registry)
    levels = Gauge("mm_level", "A level.", ("of",), registry=registry)
    for number in (0.0, -1.5, 1e-9, 1e22, math.inf, -math.inf, math.nan):
        levels.labels(str(number)).set(number)
    for seconds in (0.0, 0.05, 0.1, 0.7, 3.0):
        calls.observe(seconds, "acme", "withdraw")
    calls.observe(0.00001, 'a"b', "balance")
    calls.attach_exemplar(TRACE, 0.7, "acme", "withdraw")
    return registry


async def page(registry: CollectorRegistry, accept: str) -> bytes:
    return (await Exposition(registry).page(accept, "")).body


def parse_openmetrics(text: str) -> Iterable[Metric]:
    return openmetrics_parser.text_string_to_metric_families(text)  # type: ignore[no-untyped-call,no-any-return]  # no types there


def comparable(families: Iterable[Metric]) -> list[str]:
    # As text, since a NaN is not equal to itself.
    return sorted(
        repr((family.documentation, sorted(sample.labels.items()), sample._replace(labels={})))
        for family in families
        for sample in family.samples
    )


async def test_the_text_says_what_the_librarys_own_says(everything: CollectorRegistry) -> None:
    ours = (await page(everything, "text/plain")).decode()
    theirs = generate_latest(everything).decode()
    assert comparable(parse_text(ours)) == comparable(parse_text(theirs))
    assert "mm_call_seconds_bucket" in ours


async def test_openmetrics_says_what_the_librarys_own_says_exemplars_included(everything: CollectorRegistry) -> None:
    ours = (await page(everything, OPEN_METRICS)).decode()
    theirs = openmetrics.generate_latest(everything).decode()  # type: ignore[no-untyped-call]  # no types there
    assert comparable(parse_openmetrics(ours)) == comparable(parse_openmetrics(theirs))
    assert f'# {{trace_id="{TRACE}"}} 0.7 ' in ours


async def test_protobuf_has_every_counter_and_gauge(everything: CollectorRegistry) -> None:
    families = client_model.families(await page(everything, PROTOBUF))
    things, levels = families["mm_things_total"], families["mm_level"]
    assert (things.type, things.help) == (client_model.COUNTER, 'Things: "some" \\ and\nmore.')
    assert {metric.label[0].value: metric.counter.value for metric in things.metric} == {
        "acme": 1,
        'a"b\\c\nd': 1,
        "": 1,
        "Zenit – Зенит": 1,
        "idle": 0,
    }
    assert levels.type == client_model.GAUGE
    assert [str(metric.gauge.value) for metric in levels.metric] == [metric.label[0].value for metric in levels.metric]
    assert "mm_unused_seconds" not in families  # Prometheus ignores a family without metrics


async def test_protobuf_has_both_forms_of_a_histogram(everything: CollectorRegistry) -> None:
    families = client_model.families(await page(everything, PROTOBUF))
    metric = families["mm_call_seconds"].metric[0]
    assert [(pair.name, pair.value) for pair in metric.label] == [("operator", "acme"), ("call", "withdraw")]
    histogram = metric.histogram
    assert (histogram.sample_count, histogram.sample_sum) == (5, pytest.approx(3.85))
    assert [(bucket.upper_bound, bucket.cumulative_count) for bucket in histogram.bucket] == [
        (0.1, 3),
        (1.0, 4),
        (math.inf, 5),
    ]
    assert (histogram.schema, histogram.zero_threshold, histogram.zero_count) == (2, 2**-16, 1)
    assert [(span.offset, span.length) for span in histogram.positive_span] == [(-17, 1), (3, 1), (10, 1), (8, 1)]
    assert list(histogram.positive_delta) == [1, 0, 0, 0]


async def test_protobuf_has_the_exemplar_of_each_bucket(
    registry: CollectorRegistry, calls: Histograms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.telemetry.series.time.time", lambda: NOW)
    for trace, seconds in (("a1", 0.05), ("b2", 0.5), ("c3", 0.6)):
        calls.observe(seconds, "acme", "withdraw")
        calls.attach_exemplar(trace, seconds, "acme", "withdraw")
    histogram = client_model.families(await page(registry, PROTOBUF))["mm_call_seconds"].metric[0].histogram
    found = [(b.exemplar.label[0].name, b.exemplar.label[0].value, b.exemplar.value) for b in histogram.bucket[:2]]
    assert found == [("trace_id", "a1", 0.05), ("trace_id", "c3", 0.6)]
    at = histogram.bucket[1].exemplar.timestamp
    assert (at.seconds, at.nanos) == (1_700_000_000, 250_000_000)
    assert not histogram.bucket[2].HasField("exemplar")


@pytest.mark.parametrize("number", [127, 128, 16_383, 16_384, 3_000_000])
async def test_protobuf_writes_numbers_of_every_length(registry: CollectorRegistry, number: int) -> None:
    histograms = Histograms("mm_sizes", "Sizes.", (), (1.0,), registry)
    for _ in range(min(number, 20_000)):
        histograms.observe(2.0)
    counters = Counters("mm_things", "Things." * (number % 1000), (), registry)
    counters.start()
    families = client_model.families(await page(registry, PROTOBUF))
    assert families["mm_sizes"].metric[0].histogram.sample_count == min(number, 20_000)
    assert families["mm_things_total"].help == "Things." * (number % 1000)


async def test_a_metric_that_cannot_be_given_out_is_named(registry: CollectorRegistry) -> None:
    Summary("mm_summary", "A summary.", registry=registry)
    with pytest.raises(TypeError, match="mm_summary"):
        await page(registry, "")
