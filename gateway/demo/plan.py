"""Which purchases are played, and what goes wrong with each: decided before anything starts, the same every time."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from gateway.money import Money, money
from gateway.records import Decision, Direction
from gateway.sandbox.faults import Fault, FaultRule
from gateway.wire.calls import END_CALL, HOLD_CALL, WalletCall

CURRENCY: Final = "XAG"
SEED: Final = 1

HOLD_FAULTS: Final = tuple(Fault)
END_FAULTS: Final = tuple(fault for fault in Fault if fault is not Fault.LATE)
"""A rollback cannot come before its own rollback."""

DEPOSITS: Final = 0.15
UNDONE: Final = 0.2
FORGETFUL: Final = 0.3
PERIOD: Final = 8
FAIL_AT_END: Final = (4, 5)
"""Which turns of a period go wrong at the end; of these the first also at the withdraw."""

MOST_CENTS: Final = 50_000
DELAY_S: Final = 0.4


class Purchase(msgspec.Struct, frozen=True, kw_only=True):
    """One purchase (or, as a deposit, one bonus). `player` counts from 1.

    `hold_fault` is what the operator does wrong with the withdraw, `end_fault` what it does wrong with the first
    `end_faults` tries of its end. `wants` is how the game ends it once the withdraw has succeeded. A forgetful game
    leaves the rest to the gateway as soon as that has answered that something failed.
    """

    operator: str
    direction: Direction
    id: str
    player: int
    amount: Money
    hold_fault: Fault | None
    end_fault: Fault | None
    end_faults: int
    wants: Decision
    forgetful: bool

    def faults(self) -> Iterator[FaultRule]:
        """What its operator is told to do wrong."""
        if self.hold_fault is not None:
            yield self._rule(self.hold_fault, (HOLD_CALL[self.direction],), times=1)
        if self.end_fault is not None:
            calls = tuple(END_CALL[self.direction, decision] for decision in Decision)
            yield self._rule(self.end_fault, calls, times=self.end_faults)

    def _rule(self, fault: Fault, calls: tuple[WalletCall, ...], times: int) -> FaultRule:
        return FaultRule(fault=fault, calls=calls, ids=(self.id,), times=times, delay_s=DELAY_S)


def purchases(count: int, operators: Sequence[str], players: int) -> list[Purchase]:
    """That many purchases, spread evenly over operators and faults, in an order that mixes them."""
    dice = random.Random(SEED)  # noqa: S311 - a plan is no secret
    planned = [
        _purchase(number, operators[number % len(operators)], number // len(operators), players, dice)
        for number in range(count)
    ]
    dice.shuffle(planned)
    return planned


def _purchase(number: int, operator: str, turn: int, players: int, dice: random.Random) -> Purchase:
    """The `turn`-th of its operator: every other one goes wrong at the withdraw, every fourth at its end."""
    return Purchase(
        operator=operator,
        direction=Direction.DEPOSIT if dice.random() < DEPOSITS else Direction.WITHDRAW,
        id=f"order-{number + 1:04}",
        player=dice.randint(1, players),
        amount=money(Decimal(dice.randint(1, MOST_CENTS)).scaleb(-2), CURRENCY),
        hold_fault=HOLD_FAULTS[turn // 2 % len(HOLD_FAULTS)] if turn % 2 == 0 else None,
        end_fault=END_FAULTS[turn // PERIOD % len(END_FAULTS)] if turn % PERIOD in FAIL_AT_END else None,
        end_faults=dice.randint(1, 2),
        wants=Decision.ROLLBACK if dice.random() < UNDONE else Decision.CONFIRM,
        forgetful=dice.random() < FORGETFUL,
    )
