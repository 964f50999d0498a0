"""The contract's pattern of tries: immediately, 5 s, 10 s, 20 s, 40 s, 2, 5, 10, 30 min, then hourly, for 48 hours."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.settings import DeliverySettings
from gateway.transfers.schedule import next_try
from tests.support.transfers import offsets

PLAN = DeliverySettings(jitter=0)
MIDDLE = 0.5


def test_the_waits_are_the_contracts() -> None:
    waits = [next_try(PLAN, tries, decided_at=0, now=1000, random_share=MIDDLE) for tries in range(1, 11)]
    assert waits == [1000 + wait for wait in (5, 10, 20, 40, 120, 300, 600, 1800, 3600, 3600)]


def test_the_tries_of_48_hours_fall_where_the_contract_says() -> None:
    made = offsets(PLAN)
    assert made[:9] == [0, 5, 15, 35, 75, 195, 495, 1095, 2895]
    assert made[9:12] == [2895 + 3600, 2895 + 7200, 2895 + 10800]
    assert made[-1] <= 48 * 3600 < made[-1] + 3600


def test_after_the_period_nothing_is_sent_by_itself() -> None:
    assert next_try(PLAN, 50, decided_at=0, now=48 * 3600 - 3600, random_share=MIDDLE) == 48 * 3600
    assert next_try(PLAN, 50, decided_at=0, now=48 * 3600 - 3599, random_share=MIDDLE) is None


@given(random_share=st.floats(0, 1), tries=st.integers(1, 60), jitter=st.floats(0, 0.99))
def test_jitter_moves_a_wait_by_no_more_than_its_part(random_share: float, tries: int, jitter: float) -> None:
    plan = DeliverySettings(jitter=jitter)
    exact = next_try(PLAN, tries, decided_at=0, now=0, random_share=MIDDLE)
    moved = next_try(plan, tries, decided_at=0, now=0, random_share=random_share)
    assert exact is not None
    assert moved is not None
    assert abs(moved - exact) <= jitter * exact + 1e-6


def test_a_period_shorter_than_the_schedule_cuts_it() -> None:
    assert offsets(DeliverySettings(until=20)) == [0, 5, 15]
