"""How confirms and rollbacks are brought to the operators, and how their reasons are sorted."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from gateway.settings.section import Section
from gateway.settings.values import Duration, Name, Timeout

GAME_REPEATS_S: Final = 48 * 3600.0
"""For how many seconds the game repeats a confirm or rollback that was not acknowledged: its contract says so."""


class DeliverySettings(Section):
    """When a confirm or rollback that the operator has not acknowledged is sent again."""

    schedule: Annotated[tuple[Duration, ...], Field(min_length=1)] = (
        0.0,
        5.0,
        10.0,
        20.0,
        40.0,
        120.0,
        300.0,
        600.0,
        1800.0,
    )
    """The wait before each try, each counted from the try before it; the first from the decision."""

    then_every: Timeout = 3600.0
    """The wait before each try once the schedule is used up."""

    until: Timeout = 48 * 3600.0
    """How long after the decision tries go on. Then the transfer is parked: a person has to look at it."""

    jitter: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """By which part of itself each wait is shortened or lengthened at random, so that what failed together does not
    come back together."""

    concurrency: Annotated[int, Field(ge=1)] = 64
    """How many deliveries to one operator are under way at once."""

    late_arrival_window: Duration = 60.0
    """How long a withdraw whose fate is unknown may still be on its way. An operator that answers a rollback with
    "never heard of it" is told again after this time before that counts as done."""

    @property
    def named_for(self) -> float:
        """For how many seconds after its end a transfer may still be named: by the game that repeats its call, by the
        gateway's own tries, or by a withdraw that arrives late."""
        return max(self.until, GAME_REPEATS_S) + self.late_arrival_window


class CategorySettings(Section):
    """One category of rollback reasons."""

    name: Name
    """The category's name, as lists and metrics show it."""

    match: Annotated[str, Field(min_length=1)]
    """A text; reasons that contain it, in whatever case, belong to the category."""


class ReasonSettings(Section):
    """How rollback reasons are told apart. Reasons are kept whole, whatever their category."""

    categories: tuple[CategorySettings, ...] = ()
    """In order: the first category that matches names the reason; else it is `other`."""
