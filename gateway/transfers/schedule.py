"""When a confirm or rollback is sent again: the contract's pattern (two days of tries), as a pure function."""

from __future__ import annotations

from gateway.settings import DeliverySettings


def next_try(plan: DeliverySettings, tries: int, decided_at: float, now: float, random_share: float) -> float | None:
    """When to try again after `tries` failed ones, the last at `now`; None once the plan's period is over.

    Times are Unix seconds. `random_share` is a random number from 0 to 1 that lengthens or shortens the wait by up to
    the plan's jitter, so that what failed together does not come back together.
    """
    wait_s = plan.schedule[tries] if tries < len(plan.schedule) else plan.then_every
    at = now + wait_s * (1 + plan.jitter * (2 * random_share - 1))
    return at if at <= decided_at + plan.until else None
