from __future__ import annotations

from decimal import Decimal

import pytest

from gateway.operators import Declined, Kind, ParkNow, RetryLater, Unmapped
from gateway.toolbox import Meanings, Means, require_done

TABLE: Meanings = {
    1: Kind.FUNDS,
    "done": Means.DONE,
    302: Means.UNKNOWN,
    503: Means.RETRY_LATER,
    "110": Means.PARK,
}


def test_a_code_that_means_done_acknowledges_the_call() -> None:
    reached = []
    for code in (200, "OK"):
        require_done({200: Means.DONE, "OK": Means.DONE}, code, "")
        reached.append(code)
    assert reached == [200, "OK"]


def test_a_kind_is_the_operators_clear_no() -> None:
    with pytest.raises(Declined, match="error 1") as no:
        require_done(TABLE, 1, "error 1")
    assert no.value.kind is Kind.FUNDS


@pytest.mark.parametrize("code", [302, 2, "1", "", True, None, [1], {}, Decimal(1), 1.0])
def test_a_code_that_is_not_in_the_table_proves_nothing(code: object) -> None:
    with pytest.raises(Unmapped, match="said so") as unclear:
        require_done(TABLE, code, "said so")
    assert type(unclear.value) is Unmapped


def test_a_busy_operator_is_asked_again_when_it_wants() -> None:
    with pytest.raises(RetryLater) as default:
        require_done(TABLE, 503, "busy")
    with pytest.raises(RetryLater) as given:
        require_done(TABLE, 503, "busy", retry_after_s=60.0)
    assert (default.value.after_s, given.value.after_s) == (5.0, 60.0)


def test_what_can_never_succeed_is_parked() -> None:
    with pytest.raises(ParkNow, match="paid out"):
        require_done(TABLE, "110", "paid out")
