"""People in the calm: an operator that would not end what it held, what was parked for it, and who saw to that."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from gateway.reasons import Source
from gateway.records import Decision, Direction, Reason, State, Transfer
from gateway.sandbox.faults import Fault, FaultRule
from gateway.sandbox.ledger import HoldState, Refusal
from gateway.transfers import rules
from gateway.wire.calls import WalletCall
from tests.simulation.dice import Dice
from tests.simulation.games import CALLS, CURRENCY
from tests.simulation.plan import WINDOW_S
from tests.simulation.world import World, hiding
from tests.support.virtual_time import EPOCH

Way = Callable[[Transfer], Awaitable[None]]

ENDS: Final = (
    WalletCall.CONFIRM_WITHDRAWAL,
    WalletCall.ROLLBACK_WITHDRAWAL,
    WalletCall.CONFIRM_DEPOSIT,
    WalletCall.ROLLBACK_DEPOSIT,
)


def make_stubborn(world: World) -> None:
    """Some operators will end nothing from now on."""
    for one in world.plan.operators:
        if one.stubborn:
            world.count("operator refuses to end anything")
            refusing = FaultRule(fault=Fault.ERROR_BEFORE, calls=ENDS)
            world.operators[one.name].suffer({}, [*hiding(one), refusing])


def make_reasonable(world: World) -> None:
    """They do again."""
    for one in world.plan.operators:
        world.operators[one.name].suffer({})


class Person:
    """Looks at what was parked: starts it again, vouches for it where the operator's books show that it ended, leaves
    it to the game, or lies in bed."""

    def __init__(self, world: World, dice: Dice) -> None:
        self._world = world
        self._dice = dice
        self._journal = world.person()

    async def hurry(self) -> None:
        """Through all that is due later, unless somebody is at it."""
        for row in self._world.database.rows("state IN ('confirming', 'rolling_back')"):
            transfer = await self._journal.find(self._world.key_of(row))
            if (
                transfer is not None
                and transfer.state in rules.DECISION_OF_DELIVERY
                and not rules.is_leased(transfer, self._now())
            ):
                await self._dice.one_of(self._ways(transfer, self._hasten, self._hasten, self._vouch))(transfer)

    async def work(self) -> None:
        """Through all that is parked."""
        for row in self._world.database.rows("state = 'parked'"):
            transfer = await self._journal.find(self._world.key_of(row))
            assert transfer is not None
            await self._dice.one_of(self._ways(transfer, self._retry, self._vouch, self._remind))(transfer)

    def _ways(self, transfer: Transfer, send_again: Way, *others: Way) -> tuple[Way, ...]:
        """What a person may do about it. The game has no books to look into, and asks for no payment by itself."""
        if transfer.direction is Direction.PAYMENT:
            return (send_again, self._sleep)
        return (send_again, *others, self._sleep)

    async def _retry(self, transfer: Transfer) -> None:
        self._world.count("person retries")
        await self._journal.change(rules.retry(transfer, self._reason("try again"), self._now()))

    async def _hasten(self, transfer: Transfer) -> None:
        self._world.count("person hastens")
        now = self._now()
        await self._journal.change(rules.hasten(transfer, self._reason("at once"), now, now))

    async def _vouch(self, transfer: Transfer) -> None:
        """By telephone the operator ends it, and a person says so."""
        if self._end_by_hand(transfer):
            parked = transfer.state is State.PARKED
            self._world.count("person resolves" if parked else "person resolves what is being delivered")
            await self._journal.change(rules.resolve(transfer, self._reason("by telephone"), self._now()))

    async def _remind(self, transfer: Transfer) -> None:
        """The game asks once more for what it wanted."""
        self._world.count("game asks for what is parked")
        game = next(one for one in self._world.games if transfer.id.startswith(f"{one.name}-"))
        _, confirm, rollback = CALLS[transfer.direction]
        if transfer.wants is Decision.CONFIRM:
            assert transfer.amount is not None
            assert transfer.amount.currency == CURRENCY
            await game.ask(confirm, transfer.id, f"{transfer.amount.amount:f}", token=transfer.session.token)
        else:
            await game.ask(rollback, transfer.id, reason="once more", token=transfer.session.token)

    async def _sleep(self, transfer: Transfer) -> None:
        await asyncio.sleep(0)

    def _end_by_hand(self, transfer: Transfer) -> bool:
        ledger = self._world.operators[transfer.operator].ledger
        hold = next(
            (one for one in ledger.holds.values() if (one.direction, one.id) == (transfer.direction, transfer.id)), None
        )
        wanted = rules.wanted_decision(transfer)
        if hold is None or hold.state is HoldState.BURIED:
            return wanted is Decision.ROLLBACK and not self._may_still_arrive(transfer)
        try:
            if wanted is Decision.CONFIRM:
                ledger.confirm(hold.reference)
            else:
                ledger.undo(hold.reference)
        except Refusal:
            return False
        return True

    def _may_still_arrive(self, transfer: Transfer) -> bool:
        """Whether a hold that the operator has never heard of was sent so lately that a person waits."""
        since = self._world.loop.time() - WINDOW_S
        sent = self._world.operators[transfer.operator].sent
        return any(
            (one.act, one.direction, one.id) == ("hold", transfer.direction, transfer.id) and one.at > since
            for one in sent
        )

    def _reason(self, text: str) -> Reason:
        return Reason(text=text, source=Source.PERSON, category="other", at=self._now(), who="the person on call")

    def _now(self) -> float:
        return EPOCH + self._world.loop.time()
