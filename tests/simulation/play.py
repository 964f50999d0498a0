"""Plays a seed from its beginning to its audit."""

from __future__ import annotations

import asyncio
from typing import Final

from tests.simulation.dice import Dice
from tests.simulation.gateways import simulated
from tests.simulation.misfortunes import Misfortunes
from tests.simulation.payments import DIRECTIONS
from tests.simulation.person import Person, make_reasonable, make_stubborn
from tests.simulation.plan import LONGEST_S, Plan, plan_of
from tests.simulation.processes import SimulatedLoop
from tests.simulation.quiet import noted
from tests.simulation.world import World

SLACK_S: Final = 60.0


async def played(world: World) -> None:
    """The whole story."""
    plan = world.plan
    for _ in range(plan.gateways):
        world.begin_gateway()
    await asyncio.sleep(1)
    misfortunes = Misfortunes(world, Dice(plan.seed, "misfortunes"))
    games = [
        asyncio.create_task(game.play(plan.purchases, plan.faults_s / (plan.purchases + 1))) for game in world.games
    ]
    sides = [
        asyncio.create_task(work)
        for side in world.operators_sides.values()
        for work in (
            side.pay(plan.purchases, plan.faults_s / (plan.purchases + 1)),
            side.ask(_ids(world), world.asking_pause_s),
        )
    ]
    await misfortunes.strike(plan.faults_s)
    world.calm()
    make_stubborn(world)
    await asyncio.gather(*games)
    person = Person(world, Dice(plan.seed, "person"))
    await person.hurry()
    await world.wait_idle(_until_s(plan) + SLACK_S)
    make_reasonable(world)
    await person.work()
    await world.wait_idle(_until_s(plan) + SLACK_S)
    await asyncio.sleep(2 * plan.pace.beat_every_s + LONGEST_S)
    world.over = True
    await asyncio.gather(*sides)
    await world.end()


def _ids(world: World) -> list[tuple[str, str]]:
    """Those of all purchases that there may be."""
    names = [f"{game.name}-{number}" for game in world.games for number in range(world.plan.purchases)]
    return [(direction, id) for id in names for direction in DIRECTIONS]


def _until_s(plan: Plan) -> float:
    return float(plan.delivery.get("until", 48 * 3600.0)) + 2 * plan.pace.instance_lease_s


def play(seed: int) -> World:
    """A seed's world after its end; whoever is done with it closes it."""
    plan = plan_of(seed)
    loop = SimulatedLoop()
    problems: list[str] = []
    loop.set_exception_handler(lambda _, context: problems.append(repr(context)))
    with noted(problems), simulated(seed, plan.pace):
        world = World(plan, loop)
        try:
            loop.run_until_complete(played(world))
        except RuntimeError:  # the loop was stopped
            problems.append("a gateway works without end")
        _put_to_rest(world, loop)
    world.problems = problems
    return world


def _put_to_rest(world: World, loop: SimulatedLoop) -> None:
    """Nothing of this world happens any more."""
    for gateway in world.gateways:
        gateway.process.end()
    left = asyncio.all_tasks(loop)
    for task in left:
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # those of dead gateways never end
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.wait(left, timeout=0))
    loop.close()
