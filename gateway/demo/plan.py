"""Which purchases are played, and what goes wrong with each: decided before anything starts, the same every time.

See `docs/decisions/045-the-demo-plays-a-plan.md`.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Sequence
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
"""`LATE` is for holds alone: it books a hold after its rollback."""

DEPOSIT_SHARE: Final = 0.15
ROLLBACK_SHARE: Final = 0.2
FORGETFUL_SHARE: Final = 0.3
PERIOD: Final = 8
END_FAILS_AT: Final = (4, 5)
"""The turns of a period whose end goes wrong. The hold of the first of them goes wrong too: every even turn's does."""

MAX_CENTS: Final = 50_000
DELAY_S: Final = 0.4


class Purchase(msgspec.Struct, frozen=True, kw_only=True):
    """One purchase (or, as a deposit, one bonus). `player` counts from 1.

    `hold_fault` is what the operator does wrong with the hold, `end_fault` what it does wrong with the first
    `end_faults` tries of its end. `wants` is how the game ends the transfer once the hold has succeeded. With
    `forgetful`, the game leaves the rest to the gateway as soon as the gateway has answered that something failed.
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
        """The faults to set at its operator."""
        if self.hold_fault is not None:
            yield self._rule(self.hold_fault, (HOLD_CALL[self.direction],), times=1)
        if self.end_fault is not None:
            calls = tuple(END_CALL[self.direction, decision] for decision in Decision)
            yield self._rule(self.end_fault, calls, times=self.end_faults)

    def _rule(self, fault: Fault, calls: tuple[WalletCall, ...], times: int) -> FaultRule:
        return FaultRule(fault=fault, calls=calls, ids=(self.id,), times=times, delay_s=DELAY_S)


def purchases(
    count: int, operators: Sequence[str], players: int, without_deposits: Collection[str] = ()
) -> list[Purchase]:
    """That many purchases, spread evenly over operators and faults, in an order that mixes them. What would be a
    deposit is a withdraw at the operators `without_deposits`."""
    rng = random.Random(SEED)  # noqa: S311 - a plan need not be secret
    planned = [
        _purchase(number, operators[number % len(operators)], number // len(operators), players, rng)
        for number in range(count)
    ]
    planned = [
        msgspec.structs.replace(each, direction=Direction.WITHDRAW) if each.operator in without_deposits else each
        for each in planned
    ]
    rng.shuffle(planned)
    return planned


def _purchase(number: int, operator: str, turn: int, players: int, rng: random.Random) -> Purchase:
    """The `turn`-th purchase of its operator: every second one's hold goes wrong, and every fourth one's end."""
    return Purchase(
        operator=operator,
        direction=Direction.DEPOSIT if rng.random() < DEPOSIT_SHARE else Direction.WITHDRAW,
        id=f"order-{number + 1:04}",
        player=rng.randint(1, players),
        amount=money(Decimal(rng.randint(1, MAX_CENTS)).scaleb(-2), CURRENCY),
        hold_fault=HOLD_FAULTS[turn // 2 % len(HOLD_FAULTS)] if turn % 2 == 0 else None,
        end_fault=END_FAULTS[turn // PERIOD % len(END_FAULTS)] if turn % PERIOD in END_FAILS_AT else None,
        end_faults=rng.randint(1, 2),
        wants=Decision.ROLLBACK if rng.random() < ROLLBACK_SHARE else Decision.CONFIRM,
        forgetful=rng.random() < FORGETFUL_SHARE,
    )
