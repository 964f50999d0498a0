"""The numbers that several boards show alike: what waits for somebody, and how old that number is.

A board puts its own width, links and advice into a copy (`dataclasses.replace`).
"""

from __future__ import annotations

from typing import Final

from boards import links
from boards.colours import Colour
from boards.expressions import INSTANCE, abandoned, journal_gauge, oldest_undelivered, transfers
from boards.links import runbook
from boards.panel import Kind, Panel, Query, Step
from boards.series import AGE_STEPS

PARKED: Final = Panel(
    "Parked transfers",
    "Does money wait for a person?",
    Kind.STAT,
    "short",
    (Query(transfers("parked")),),
    good="0. Every transfer ends by itself.",
    act="Nothing more is sent for these. List them with `mm-gateway transfers --state parked`, agree with the "
    "operator, then `mm-gateway retry` or `mm-gateway resolve`.",
    links=(runbook("Parked"), links.PARKED, links.ROLLBACKS),
    steps=(Step(1, Colour.FAILED),),
    width=3,
    height=3,
)

UNDELIVERED: Final = Panel(
    "Oldest undelivered",
    "Is a decision on its way for too long?",
    Kind.STAT,
    "s",
    (Query(oldest_undelivered()),),
    good="Below a minute: operators acknowledge confirms and rollbacks at once.",
    act="An operator does not acknowledge. See in the table which, and call it long before two days are over: "
    "then the transfer is parked.",
    links=(runbook("Undelivered"), links.UNDELIVERED, links.ROLLBACKS),
    steps=AGE_STEPS,
    width=3,
    height=3,
)

ABANDONED: Final = Panel(
    "Held and abandoned",
    "Does the game leave transfers undecided?",
    Kind.STAT,
    "short",
    (Query(abandoned()),),
    good="0. The game confirms or rolls back each hold within `abandoned_after`.",
    act="Only the game can decide these: give its people the list of `mm-gateway transfers --state held --until 1h`.",
    links=(runbook("Abandoned"), links.HELD, links.ROLLBACKS),
    steps=(Step(1, Colour.WAITING),),
    width=3,
    height=3,
)


def age_of_count(labels: str = INSTANCE) -> Panel:
    """How old the numbers about transfers are, over the journals that `labels` leave."""
    return Panel(
        "Age of the count",
        "Are the numbers about transfers new?",
        Kind.STAT,
        "s",
        (Query(f"max (time() - {journal_gauge('transfers_counted_timestamp_seconds', labels, 'journal')})"),),
        good="Below 30 seconds: transfers were counted just now.",
        act="The journal does not answer, and parked, held and undelivered transfers on all boards are as old as this "
        "says.",
        links=(runbook("Uncounted"), links.JOURNAL),
        steps=(Step(60, Colour.WAITING), Step(120, Colour.FAILED)),
        width=3,
        height=3,
        decimals=0,
    )
