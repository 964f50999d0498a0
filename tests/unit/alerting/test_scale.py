from __future__ import annotations

import pytest

from gateway.alerting.scale import Scale


@pytest.mark.parametrize(
    "text, factor, shortened",
    [
        ("30m", 1, "30m"),
        ("30m", 60, "30s"),
        ("15s", 60, "250ms"),
        ("3d", 60, "72m"),
        ("2m", 2, "1m"),
        ("1s", 100_000, "1ms"),
    ],
)
def test_a_duration_is_divided(text: str, factor: float, shortened: str) -> None:
    assert Scale(factor).duration(text) == shortened


def test_windows_and_seconds_are_divided_and_nothing_else() -> None:
    expr = 'increase(a{b="2m"}[2m]) > $30m and c[1h:] > 60 and d:ratio5m > $2m|15s'
    assert Scale().promql(expr) == 'increase(a{b="2m"}[2m]) > 1800 and c[1h:] > 60 and d:ratio5m > 120'
    assert Scale(60).promql(expr) == 'increase(a{b="2m"}[2s]) > 30 and c[1m:] > 60 and d:ratio5m > 15'


def test_a_window_holds_several_scrapes_however_short_times_are() -> None:
    assert (
        Scale(1440).promql("rate(a[5m]) > avg_over_time(b[1d]) * $5m") == "rate(a[1s]) > avg_over_time(b[1m]) * 0.208"
    )


def test_what_is_not_a_duration_is_refused() -> None:
    with pytest.raises(ValueError, match="2 minutes is not a duration like 90s, 2m or 3d"):
        Scale(2).duration("2 minutes")
