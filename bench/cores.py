"""Which core is used for what, so that a contestant has one for itself."""

from __future__ import annotations

import os
from typing import NamedTuple


class Cores(NamedTuple):
    """`subject` is the contestant's, `load` the game's and the operator's, `database` PostgreSQL's.

    On a machine of two cores the database shares the load's.
    """

    subject: int
    load: int
    database: int

    @property
    def both(self) -> set[int]:
        """The cores of a gateway that is allowed a second one, which it then shares with the load."""
        return {self.subject, self.load}


def choose() -> Cores:
    """Of the cores that this process may use. Raises `SystemExit` where there is only one."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:  # noqa: PLR2004 - one on each side
        raise SystemExit("make bench: needs two cores, one for the contestant and one for the load")
    return Cores(allowed[0], allowed[1], allowed[2] if len(allowed) > 2 else allowed[1])  # noqa: PLR2004 - a spare one, if any
