"""Numbers as Grafana writes them, by the unit of their panel."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

_TIMES: Final = ((86400, "days"), (3600, "h"), (60, "min"), (1, "s"), (1e-3, "ms"), (1e-6, "µs"))
_SIZES: Final = ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"), (1, "B"))
_THOUSANDS: Final = ((1e9, "Bil"), (1e6, "Mil"), (1e3, "K"), (1, ""))


def text(value: float, unit: str, decimals: int | None = None) -> str:
    """A value with its unit, short enough for an axis."""
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return _WRITERS[unit](value, decimals).strip()


def _scaled(value: float, scales: tuple[tuple[float, str], ...], decimals: int | None) -> str:
    size, name = next(((size, name) for size, name in scales if abs(value) >= size), scales[-1])
    if value == 0:
        size, name = 1, next(name for size, name in scales if size == 1)
    return f"{_number(value / size, decimals)} {name}"


def _number(value: float, decimals: int | None) -> str:
    if decimals is not None:
        return f"{value:.{decimals}f}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"  # noqa: PLR2004 - three digits are read at a glance


def _date(value: float, _: int | None) -> str:
    return datetime.fromtimestamp(value / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


_WRITERS: Final[Mapping[str, Callable[[float, int | None], str]]] = {
    "s": lambda value, decimals: _scaled(value, _TIMES, decimals),
    "d": lambda value, decimals: f"{_number(value, decimals)} days",
    "short": lambda value, decimals: _scaled(value, _THOUSANDS, decimals),
    "bytes": lambda value, decimals: _scaled(value, _SIZES, decimals),
    "percentunit": lambda value, decimals: f"{_number(value * 100, decimals)} %",
    "reqps": lambda value, decimals: f"{_number(value, decimals)} req/s",
    "ops": lambda value, decimals: f"{_number(value, decimals)} ops/s",
    "dateTimeAsIso": _date,
}
