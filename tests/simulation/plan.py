"""What one seed is made of: who takes part, what goes wrong how often, and for how long."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from gateway.sandbox.faults import Fault
from gateway.sandbox.simulated import Manner, Unknown
from tests.simulation.database import Mishaps
from tests.simulation.dice import Dice
from tests.simulation.network import Weather
from tests.simulation.protocols import PROTOCOLS, outlives_repeats

FAULTS: Final = tuple(fault for fault in Fault if fault is not Fault.HUGE)

WINDOW_S: Final = 20.0
"""The late arrival window of short schedules."""
LONGEST_S: Final = 9.0
"""How long a message may be on its way: less than the window, by more than clocks may differ."""
SKEW_S: Final = 4.0


class OperatorPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One operator: how it answers the rollback of what it never saw, and how bad things get."""

    name: str
    protocol: str
    unknown: Unknown
    weather: Weather
    faults: dict[Fault, float]
    stubborn: bool
    """Whether it refuses to confirm, or to roll back, for longer than deliveries go on."""
    manner: Manner
    refuses_rollbacks: Fault | None
    """How it fails every rollback as long as faults last."""
    hides_balances: Fault | None
    """How it fails when it is asked for a balance alone, until a person has seen to it."""
    settings: dict[str, Any]


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How often gateways look around by themselves."""

    poll_s: float
    beat_every_s: float
    instance_lease_s: float
    checkpoint_pages: int
    """How long the write-ahead log gets before it is checkpointed."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One seed's world. `alone`: one gateway on its own SQLite file, which crashes and is opened again from what
    survived; else several on one journal. Rates are mean seconds between two of a kind, 0 for never."""

    seed: int
    alone: bool
    gateways: int
    operators: tuple[OperatorPlan, ...]
    games: int
    purchases: int
    faults_s: float
    game_weather: Weather
    mishaps: Mishaps
    crash_every_s: float
    power_cuts: float
    pause_every_s: float
    longest_pause_s: float
    jump_every_s: float
    leap_every_s: float
    reload_every_s: float
    restart_every_s: float
    disk_trouble_every_s: float
    cut_off_every_s: float
    delivery: dict[str, Any]
    pace: Pace


def plan_of(seed: int) -> Plan:
    """The plan of a seed."""
    dice = Dice(seed, "plan")
    alone = dice.happens(0.4)
    long = seed % 25 == 0
    operators = tuple(_operator(dice, number, long=long) for number in range(dice.whole(1, 3)))
    healthy = dice.happens(0.2)
    """Whether nothing befalls the gateways themselves."""

    def rate(*choices: float) -> float:
        return 0.0 if healthy else dice.one_of(choices)

    return Plan(
        seed=seed,
        alone=alone,
        gateways=1 if alone else dice.whole(2, 3),
        operators=operators,
        games=dice.whole(2, 4),
        purchases=dice.whole(4, 9),
        faults_s=dice.between(25, 50),
        game_weather=_weather(dice, dice.one_of((0.0, 0.05, 0.15))),
        mishaps=Mishaps() if alone or healthy else _mishaps(dice),
        crash_every_s=rate(0.0, 8.0, 20.0),
        power_cuts=0.6 if alone else 0.0,
        pause_every_s=rate(0.0, 0.0, 10.0, 20.0),
        longest_pause_s=dice.one_of((3.0, 40.0)),
        jump_every_s=rate(0.0, 0.0, 15.0),
        reload_every_s=rate(0.0, 0.0, 12.0),
        restart_every_s=rate(0.0, 0.0, 25.0),
        disk_trouble_every_s=rate(0.0, 10.0) if alone else 0.0,
        cut_off_every_s=0.0 if alone else rate(0.0, 3.0, 10.0),
        delivery=_delivery(dice, long=long),
        pace=_pace(dice.one_of((20, 100, 1000)), long=long),
        leap_every_s=0.0 if healthy else Dice(seed, "leaps").one_of((0.0, 10.0, 20.0)),
    )


def _operator(dice: Dice, number: int, *, long: bool) -> OperatorPlan:
    badness = dice.one_of((0.0, 0.1, 0.25, 0.5))
    kinds = dice.some_of(FAULTS)
    protocol = dice.one_of(PROTOCOLS)
    unknown = dice.one_of((Unknown.ACKNOWLEDGE, Unknown.REPORT, Unknown.FORGET))
    weather = _weather(dice, dice.one_of((0.0, 0.1, 0.3)))
    manner = _manner(Dice(dice.whole(0, 10**9), f"manner of {number}"), protocol)
    # A withdraw that it has declined must not be booked by a later copy of it, if it may decline the rollback too.
    weather.twins_together = unknown is Unknown.FORGET or manner.checks_ends or Fault.DECLINE in kinds
    return OperatorPlan(
        name=f"operator-{number}",
        protocol=protocol,
        unknown=unknown,
        weather=weather,
        faults={fault: badness / len(kinds) for fault in kinds},
        stubborn=dice.happens(0.3),
        manner=manner,
        refuses_rollbacks=dice.one_of((*(None,) * 6, Fault.ERROR_BEFORE, Fault.OTHER_ERROR)),
        hides_balances=dice.one_of((*(None,) * 9, Fault.ERROR_BEFORE, Fault.OTHER_ERROR, Fault.HANG_BEFORE)),
        settings={
            "timeout": dice.one_of((1.0, 3.0)),
            "breaker": {"failures": dice.one_of((3, 10)), "open_for": dice.one_of((1.0, 5.0))},
            "limits": {"concurrency": dice.one_of((2, 128)), "waiting": dice.one_of((1, 256))},
            "connections": {"connect_timeout": 0.8, "idle": dice.one_of((0.0, 4.0))},
            "unknown_transfers": dice.one_of(("forward", "forward", "refuse")),
        },
    )


def _manner(dice: Dice, protocol: str) -> Manner:
    refuses_repeats = dice.happens(0.25)
    return Manner(
        checks_ends=dice.happens(0.4),
        trusts_tokens=dice.happens(0.3),
        refuses_repeats=refuses_repeats,
        repeats_answers=dice.happens(0.25) and outlives_repeats(protocol),
        says_why=protocol != "quantum" or refuses_repeats or dice.happens(0.75),
        can_be_asked=dice.happens(0.4),
    )


def _weather(dice: Dice, badness: float) -> Weather:
    return Weather(
        refused=badness * dice.chance() * 0.5,
        unreachable=badness * dice.chance() * 0.3,
        lost=badness * dice.chance(),
        twice=dice.one_of((0.0, 0.1, 0.5)),
        slow=badness * dice.chance(),
        longest_s=LONGEST_S,
        cut=badness * dice.chance() * 0.5,
    )


def _mishaps(dice: Dice) -> Mishaps:
    badness = dice.one_of((0.0, 0.0, 0.02, 0.1))
    return Mishaps(lost_before=badness, lost_after=badness, slow=badness * 2, slow_s=2.0)


def _delivery(dice: Dice, *, long: bool) -> dict[str, Any]:
    """The contract's schedule in some seeds, one of a minute in the others."""
    if long:
        return {"concurrency": 64}
    return {
        "schedule": [0.0, 0.5, 1.0, 2.0, 4.0],
        "then_every": 8.0,
        "until": dice.one_of((60.0, 90.0)),
        "jitter": dice.one_of((0.0, 0.1)),
        "concurrency": dice.one_of((1, 4, 64)),
        "late_arrival_window": WINDOW_S,
    }


def _pace(checkpoint_pages: int, *, long: bool) -> Pace:
    if long:
        return Pace(poll_s=300.0, beat_every_s=300.0, instance_lease_s=900.0, checkpoint_pages=checkpoint_pages)
    return Pace(poll_s=6.0, beat_every_s=5.0, instance_lease_s=15.0, checkpoint_pages=checkpoint_pages)
