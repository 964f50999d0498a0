from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.telemetry.buckets import SUM, ZERO_THRESHOLD, Buckets, Native, Span

UPPERS = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
BUCKETS = Buckets(UPPERS)
LARGEST = 2.0**12

near_bounds = st.sampled_from(BUCKETS.bounds).flatmap(
    lambda bound: st.sampled_from([bound, math.nextafter(bound, 0), math.nextafter(bound, math.inf)])
)
values = st.lists(near_bounds | st.floats(min_value=0, max_value=100))


def counted(numbers: list[float], buckets: Buckets = BUCKETS) -> dict[int, float]:
    return {**Counter(bisect_left(buckets.bounds, number) for number in numbers), SUM: math.fsum(numbers)}


def by_upper_bound(native: Native) -> dict[float, int]:
    """Each native bucket's count by its upper bound, read as Prometheus reads spans and deltas."""
    found, bucket, count = {}, 0, 0
    deltas = iter(native.deltas)
    for span in native.spans:
        bucket += span.offset
        for _ in range(span.length):
            count += next(deltas)
            found[2 ** (bucket / 4) if bucket / 4 <= 1023 else math.inf] = count
            bucket += 1
    assert list(deltas) == []
    return found


@given(values)
def test_classic_buckets_count_exactly_what_is_not_above_their_bound(numbers: list[float]) -> None:
    expected = [sum(number <= upper for number in numbers) for upper in (*UPPERS, math.inf)]
    assert BUCKETS.cumulative(counted(numbers)) == expected


@given(values)
def test_each_value_is_in_one_native_bucket_and_within_its_bounds(numbers: list[float]) -> None:
    native = BUCKETS.native(counted(numbers))
    assert native.zero_count == sum(number <= ZERO_THRESHOLD for number in numbers)
    above = sorted(number for number in numbers if number > ZERO_THRESHOLD)
    for upper, count in by_upper_bound(native).items():
        inside, above = above[:count], above[count:]
        assert count == len(inside) > 0
        # Computed here with a power, where Prometheus has constants: the last digit may differ.
        lower = LARGEST if upper == math.inf else upper / 2**0.25
        assert all(lower * (1 - 1e-15) <= number <= upper * (1 + 1e-15) for number in inside)
    assert above == []


def test_the_bounds_of_the_native_form_are_those_of_prometheus_to_the_last_digit() -> None:
    bounds = set(BUCKETS.bounds)
    # What histogram_quantile(1, …) answers for a value in these buckets.
    assert {0.5, 0.5946035575013605, 0.7071067811865475, 0.8408964152537144, 1.0, 1.4142135623730950} <= bounds


def test_neighbours_share_a_span_and_a_gap_begins_another() -> None:
    native = BUCKETS.native(counted([1.0, 1.1, 1.1, 1.3, 4.0]))
    assert native == Native(0, [Span(0, 3), Span(5, 1)], [1, 1, -1, 0])


def test_what_is_above_every_bound_counts_as_infinite() -> None:
    counts = counted([LARGEST, LARGEST * 1.01])
    assert BUCKETS.cumulative(counts)[-1] == 2
    assert BUCKETS.native(counts).spans == [Span(48, 1), Span(4097 - 49, 1)]


@pytest.mark.parametrize("uppers", [(0.0001, 0.00025), (1, 2, 4, 1024), (0.3, 60.0)])
def test_any_classic_bounds_cut_the_native_buckets_where_they_lie(uppers: tuple[float, ...]) -> None:
    buckets = Buckets(uppers)
    numbers = [upper * factor for upper in uppers for factor in (0.999, 1, 1.001)]
    counts = counted(numbers, buckets)
    assert buckets.cumulative(counts) == [sum(n <= upper for n in numbers) for upper in (*uppers, math.inf)]
    assert sum(by_upper_bound(buckets.native(counts)).values()) == len(numbers)


def test_a_histogram_has_few_enough_bounds_for_seven_comparisons() -> None:
    assert len(BUCKETS.bounds) < 2**7
