"""What the colours mean, the same on every board.

The palette is Okabe and Ito's: people who see no red, no green or no blue can tell its colours apart, in both of
Grafana's themes. Names of series stand beside their colours in every legend, so that none is told by its colour alone.
"""

from __future__ import annotations

from enum import StrEnum


class Colour(StrEnum):
    """A meaning and its colour."""

    OK = "#0072B2"
    DECLINED = "#999999"
    WAITING = "#E69F00"
    FAILED = "#D55E00"
    UNDONE = "#CC79A7"
    LOAD = "#56B4E9"
    OTHER = "#009E73"
    LIMIT = "text"


MEANINGS = {
    Colour.OK: ("blue", "in order: answered, confirmed, acknowledged, closed"),
    Colour.DECLINED: ("grey", "a clear no: declined by the operator, refused by a rule of the contract"),
    Colour.WAITING: ("orange", "not done yet, or held back: waiting, not sent; on a threshold: look at it today"),
    Colour.FAILED: ("vermilion", "failed, or its fate is unknown; on a threshold: act now"),
    Colour.UNDONE: ("purple", "rolled back, and why"),
    Colour.LOAD: ("sky blue", "an amount that is neither good nor bad: load, time, size"),
    Colour.OTHER: ("green", "a second amount beside the first"),
    Colour.LIMIT: ("dashed, the colour of text", "a limit, or what was promised"),
}
"""The name of each colour, and what it says."""
