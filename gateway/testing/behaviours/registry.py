"""The table of behaviours: each is named, graded, and says in its docstring what it proves and why."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterator
from enum import StrEnum
from typing import Final, NamedTuple

from gateway.money import Money
from gateway.sandbox.simulated import PLAIN, Manner, Unknown
from gateway.testing.subject import Subject
from gateway.testing.workbench import PLAYER, TOKEN, Workbench


class Grade(StrEnum):
    """What an adapter is worth that has all behaviours of this grade and of those before it."""

    BRONZE = "bronze"  # no money is lost
    SILVER = "silver"  # everything works
    GOLD = "gold"  # polished


class Case(NamedTuple):
    """One workbench's worth of a behaviour. `play` records mismatches at the bench, or raises anything."""

    name: str
    play: Callable[[Workbench], Awaitable[None]]
    balance: Money | None = None
    unknown: Unknown | None = None
    manner: Manner = PLAIN
    player: str = PLAYER
    token: str = TOKEN


class Behaviour(NamedTuple):
    """`cases` gives what is played, nothing if the adapter's contract has nothing to which the behaviour applies.

    `exemptible`: a contract may be unable to have it, without losing money. `again`: it is played under the adapter's
    other settings too.
    """

    name: str
    grade: Grade
    about: str
    cases: Callable[[Subject], Iterator[Case]]
    exemptible: bool
    again: bool


BEHAVIOURS: Final[dict[str, Behaviour]] = {}
"""Every behaviour by its name, in the order in which they are played and documented."""

Cases = Callable[[Subject], Iterator[Case]]


def behaviour(grade: Grade, *, exemptible: bool | None = None, again: bool = False) -> Callable[[Cases], Cases]:
    """Puts a behaviour into the table. Those of bronze concern money, so that no contract is exempt unless that is
    said."""

    def register(cases: Cases) -> Cases:
        about = inspect.cleandoc(cases.__doc__ or "")
        allowed = grade is not Grade.BRONZE if exemptible is None else exemptible
        BEHAVIOURS[cases.__name__] = Behaviour(cases.__name__, grade, about, cases, allowed, again)
        return cases

    return register
