"""How confirms and rollbacks are delivered to the operators, and how rollback reasons are sorted."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from gateway.settings.section import Section
from gateway.settings.values import Duration, Name, Timeout

GAME_REPEATS_S: Final = 48 * 3600.0
"""For how many seconds the game repeats a confirm or rollback that was not acknowledged (wallet contract, rule 4 of a
withdrawal)."""


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
    """How long after the decision it is tried again. Then the transfer is parked: a person has to look at it."""

    jitter: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Fraction by which each wait is randomly shortened or lengthened, so that transfers that failed together are not
    all sent again at the same moment."""

    concurrency: Annotated[int, Field(ge=1)] = 64
    """How many deliveries to one operator may run at the same time."""

    late_arrival_window: Duration = 60.0
    """How long a withdraw without a clear answer may still be on its way to the operator. Where the operator answers
    its rollback with "not found", the rollback is sent once more after this time, before it counts as done."""

    def longer_by(self, seconds: float) -> DeliverySettings:
        """The same, with a period that ends so many seconds later."""
        return self.model_copy(update={"until": self.until + seconds}) if seconds else self

    @property
    def named_for(self) -> float:
        """For how many seconds after its end a transfer may still be named: by the game, which repeats its calls, by
        the gateway's own tries, or by a withdraw that arrives late."""
        return max(self.until, GAME_REPEATS_S) + self.late_arrival_window


class CategorySettings(Section):
    """One category of rollback reasons."""

    name: Name
    """The category's name, as lists and metrics show it."""

    match: Annotated[str, Field(min_length=1)]
    """Reasons that contain this text belong to the category; upper and lower case are the same."""


class ReasonSettings(Section):
    """How rollback reasons are sorted. Of every reason the first 4096 characters are kept, whatever its category."""

    categories: tuple[CategorySettings, ...] = ()
    """In order: the first category that matches names the reason; else it is `other`."""
