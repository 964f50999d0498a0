"""Times in rules, all divided by one number: a trial sees in a minute what takes an hour."""

from __future__ import annotations

import re
from typing import Final

import msgspec

_UNITS_MS: Final = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION: Final = re.compile(r"(\d+)(ms|[smhd])")
_WINDOW: Final = re.compile(r"\[(\w+)(:?)\]")
LEAST_WINDOW: Final = "1s"
"""A window must hold several scrapes, however short the times of a trial are."""

_SECONDS: Final = re.compile(r"\$(\d+[smhd])(?:\|(\d+[smhd]))?")


class Scale(msgspec.Struct, frozen=True):
    """Divides times by `factor`. Durations are texts as Prometheus writes them: `90s`, `2m`, `3d`."""

    factor: float = 1

    def duration(self, text: str) -> str:
        """The shortened duration; as it was where nothing is shortened."""
        return text if self.factor == 1 else _in_words(self._milliseconds(text))

    def promql(self, expr: str) -> str:
        """Shortens the windows (`[2m]`), but not below `LEAST_WINDOW`, and replaces `$2m` by its seconds. `$2m|15s`
        never becomes less than 15."""
        expr = _WINDOW.sub(lambda match: f"[{self._window(match[1])}{match[2]}]", expr)
        return _SECONDS.sub(lambda match: self._seconds(match[1], match[2]), expr)

    def _window(self, text: str) -> str:
        return LEAST_WINDOW if self._milliseconds(text) < _milliseconds(LEAST_WINDOW) else self.duration(text)

    def _milliseconds(self, text: str) -> int:
        return max(1, round(_milliseconds(text) / self.factor))

    def _seconds(self, text: str, at_least: str | None) -> str:
        least = _milliseconds(at_least) if at_least else 0
        return f"{max(self._milliseconds(text), least) / 1000:g}"


def _milliseconds(text: str) -> int:
    """Raises `ValueError` for what is not a duration of one unit."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text} is not a duration like 90s, 2m or 3d")
    return int(match[1]) * _UNITS_MS[match[2]]


def _in_words(milliseconds: int) -> str:
    unit = next(unit for unit in ("d", "h", "m", "s", "ms") if milliseconds % _UNITS_MS[unit] == 0)
    return f"{milliseconds // _UNITS_MS[unit]}{unit}"
