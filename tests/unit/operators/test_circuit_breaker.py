from __future__ import annotations

import pytest

from gateway.operators.circuit_breaker import BreakerState, CircuitBreaker

OPEN_FOR_S = 5.0


class Hand:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def now(self) -> float:
        return 1_700_000_000.0 + self.seconds

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def breaker(hand: Hand) -> CircuitBreaker:
    return CircuitBreaker(failures=3, open_for_s=OPEN_FOR_S, clock=hand)


def opened(breaker: CircuitBreaker) -> CircuitBreaker:
    for _ in range(3):
        breaker.record(ok=False)
    return breaker


def test_it_begins_closed(breaker: CircuitBreaker) -> None:
    assert breaker.closed
    assert breaker.state is BreakerState.CLOSED
    assert breaker.wait_s() == 0.0


@pytest.mark.parametrize(
    "history, state",
    [
        ("--", BreakerState.CLOSED),
        ("---", BreakerState.OPEN),
        ("--+--", BreakerState.CLOSED),
        ("--+---", BreakerState.OPEN),
        ("-+-+-+-+-+-+", BreakerState.CLOSED),
        ("----------+", BreakerState.CLOSED),
    ],
)
def test_only_failures_in_a_row_open_it(breaker: CircuitBreaker, history: str, state: BreakerState) -> None:
    for came in history:
        breaker.record(ok=came == "+")
    assert breaker.state is state


def test_it_stays_open_for_its_time(breaker: CircuitBreaker, hand: Hand) -> None:
    opened(breaker)
    assert breaker.wait_s() == OPEN_FOR_S
    hand.seconds += 4.5
    assert breaker.wait_s() == 0.5
    hand.seconds += 1.0
    assert breaker.wait_s() == 0.0
    assert breaker.state is BreakerState.OPEN


def test_a_probe_that_succeeds_closes_it_and_forgets_the_failures(breaker: CircuitBreaker, hand: Hand) -> None:
    opened(breaker)
    hand.seconds += OPEN_FOR_S
    breaker.probe()
    assert breaker.state is BreakerState.HALF_OPEN
    assert breaker.wait_s() == OPEN_FOR_S
    breaker.record(ok=True)
    breaker.record(ok=False)
    breaker.record(ok=False)
    assert breaker.closed


def test_a_probe_that_fails_opens_it_anew(breaker: CircuitBreaker, hand: Hand) -> None:
    opened(breaker)
    hand.seconds += OPEN_FOR_S
    breaker.probe()
    hand.seconds += 1.0
    breaker.record(ok=False)
    assert breaker.state is BreakerState.OPEN
    assert breaker.wait_s() == OPEN_FOR_S


def test_a_probe_of_which_nothing_is_heard_is_given_up(breaker: CircuitBreaker, hand: Hand) -> None:
    opened(breaker)
    hand.seconds += OPEN_FOR_S
    breaker.probe()
    hand.seconds += OPEN_FOR_S
    assert breaker.wait_s() == 0.0
