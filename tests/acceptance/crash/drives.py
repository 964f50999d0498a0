"""How to make a gateway come by each of its crash points: what the game, the operators and the system do meanwhile."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, NamedTuple

from gateway.records import Decision
from gateway.sandbox.faults import Fault
from gateway.wire.calls import WalletCall
from tests.support.playing import END, Purchase
from tests.support.stage import BREAKER_FAILURES, KEEP, PLAYED, STRICT, Stage

WAVES: Final = 12
NOTES: Final = 40
NOTED_LENGTH: Final = 4000

Drive = Callable[[Stage], Awaitable[Any]]


class Way(NamedTuple):
    """Drive the gateway like this and it comes by the point at least `reach` times. `after`: the last crash must have
    been at that point, for there to be something to recover."""

    drive: Drive
    reach: int = 1
    after: str = ""


async def play(stage: Stage) -> None:
    """Purchases, wave after wave."""
    for _ in range(WAVES):
        if not stage.gateway.running:
            return
        await stage.wave()


async def welcome(stage: Stage) -> None:
    """Players who have never been seen before."""
    while stage.gateway.running:
        newcomers = [(name, stage.operators[name].welcome()) for name in PLAYED]
        await asyncio.gather(*(stage.game.verify(*newcomer) for newcomer in newcomers), stage.wave())


async def adopt(stage: Stage) -> None:
    """Ends of transfers that the gateway has never seen."""
    while stage.gateway.running:
        unseen = stage.game.purchase("oblivion", wants=Decision.ROLLBACK)
        await asyncio.gather(*map(stage.game.bring_to_end, (stage.book_outside(), unseen)), stage.wave())


async def join(stage: Stage) -> None:
    """Ends that fail and are repeated before the gateway repeats them."""
    while stage.gateway.running:
        stage.fail("acme")
        purchase = await _held(stage, "acme")
        stage.fail("acme", *END.values())
        await stage.game.bring_to_end(purchase, pause_s=0)
        stage.operators.misbehave()


async def note(stage: Stage) -> None:
    """A rollback that is repeated with ever new reasons, long ones: the journal's log grows by megabytes."""
    while stage.gateway.running:
        purchase = stage.game.purchase("acme", wants=Decision.ROLLBACK)
        await stage.game.bring_to_end(purchase)
        reasons = (f"{number}: {'so it goes. ' * NOTED_LENGTH}"[:NOTED_LENGTH] for number in range(NOTES))
        await asyncio.gather(*(stage.game.end(purchase, Decision.ROLLBACK, reason) for reason in reasons))


async def pay(stage: Stage) -> None:
    """Payments, while others play."""
    while stage.gateway.running:
        await asyncio.gather(stage.pay(), stage.pay(), stage.wave())


async def trip(stage: Stage) -> None:
    """Ends while the breaker is open."""
    while stage.gateway.running:
        stage.operators["acme"].switch()
        purchases = [await _held(stage, "acme") for _ in range(3)]
        stage.fail("acme", *WalletCall)
        for _ in range(BREAKER_FAILURES + 1):
            await stage.game.get_balance("acme", purchases[0].token)
        await asyncio.gather(*(stage.game.bring_to_end(purchase, pause_s=0) for purchase in purchases))


async def give_up(stage: Stage) -> None:
    """An end that the operator never acknowledges."""
    while stage.gateway.running:
        stage.operators[STRICT].switch()
        purchase = await _held(stage, STRICT)
        stage.fail(STRICT, *END.values())
        await asyncio.gather(stage.game.bring_to_end(purchase, tries=8), stage.wave())


async def lose_the_journal(stage: Stage) -> None:
    """Withdraws whose outcome cannot be written down when it comes."""
    while stage.gateway.running:
        stage.fail("acme", fault=Fault.DELAY, delay_s=0.4)
        purchase = stage.game.purchase("acme", wants=Decision.ROLLBACK)
        sent = asyncio.create_task(stage.game.hold(purchase))
        seen = partial(stage.operators["acme"].seen, WalletCall.WITHDRAW, purchase.id)
        while not (sent.done() or seen()):
            await asyncio.sleep(0.01)
        async with stage.store.locked():
            await sent
        await stage.game.bring_to_end(purchase)


async def recover(_stage: Stage) -> None:
    """Nothing: what the last crash left behind is work enough."""


async def reload(stage: Stage) -> None:
    """Reloads while purchases are under way."""
    while stage.gateway.running:
        await asyncio.gather(stage.wave(), stage.reconfigure())


async def forget(stage: Stage) -> None:
    """Finished transfers grow older than the journal keeps them."""
    await stage.wave()
    await stage.game.finish(wait_limit_s=5)
    begun = time.monotonic()
    await stage.remember()
    # Only what had ended before: a rollback that ends meanwhile would be forgotten, and remembered as it was before.
    await stage.age(ended_s=time.monotonic() - begun)
    await stage.reconfigure(keep=KEEP)


async def stop(stage: Stage) -> None:
    """A stop while purchases are under way."""
    playing = asyncio.create_task(stage.wave())
    await asyncio.sleep(0.05)
    await stage.tell(signal.SIGTERM)
    await playing


async def _held(stage: Stage, operator: str) -> Purchase:
    """A purchase that the game has still to end: to confirm, if its hold succeeded."""
    purchase = stage.game.purchase(operator)
    purchase.wants = Decision.CONFIRM if await stage.game.hold(purchase) else Decision.ROLLBACK
    return purchase


ORDINARY: Final = Way(play, reach=12)
WAYS: Final = {
    "session.remembered": Way(welcome, reach=6),
    "hold.refused": Way(play, reach=6),
    "unrecorded.begun": Way(lose_the_journal),
    "unrecorded.recorded": Way(lose_the_journal),
    "end.adopted": Way(adopt, reach=4),
    "end.joined": Way(join, reach=4),
    "end.noted": Way(note, reach=40),
    "payment.received": Way(pay, reach=4),
    "payment.recorded": Way(pay, reach=4),
    "payment.sent": Way(pay, reach=4),
    "payment.acknowledged": Way(pay, reach=3),
    "delivery.claimed": Way(play, reach=6),
    "delivery.recovered": Way(recover, after="hold.durable"),
    "delivery.postponed": Way(trip, reach=3),
    "delivery.parked": Way(give_up, reach=2),
    "journal.handed_over": Way(play, reach=60),
    "journal.durable": Way(play, reach=60),
    "sqlite.uncommitted": Way(play, reach=60),
    "sqlite.committed": Way(play, reach=60),
    "sqlite.checkpointing": Way(note),
    "sqlite.checkpointed": Way(note),
    "postgres.sending": Way(play, reach=60),
    "postgres.sent": Way(play, reach=60),
    "postgres.answered": Way(play, reach=60),
    "client.writing": Way(play, reach=20),
    "client.written": Way(play, reach=20),
    "client.answered": Way(play, reach=20),
    "start.inherited": Way(recover),
    "start.serving": Way(recover),
    "housekeeping.lease_renewed": Way(recover, reach=2),
    "housekeeping.orphans_released": Way(recover),
    "housekeeping.pruned": Way(forget),
    "reload.prepared": Way(reload, reach=2),
    "reload.swapped": Way(reload, reach=2),
    "stop.refusing": Way(stop),
    "stop.settled": Way(stop),
    "stop.told": Way(stop),
}
"""Points that are not named here are come by in ordinary play."""


def way_to(point: str) -> Way:
    return WAYS.get(point, ORDINARY)
