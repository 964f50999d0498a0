"""The night as it is played: each trouble is made, somebody is told or not, it is mended, and all is calm again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from time import time
from typing import Any, Final

import msgspec

from boards.pictures.recording import Span, record
from tests.monitoring.fleet import TOKEN, Fleet, fleet, shoppers
from tests.monitoring.prometheus import Prometheus, Scraping, prometheus
from tests.night.pager import Message, Pager, alertmanager, pager
from tests.night.script import ACTS, EVERY_S, PLAN, RECORDED_IN, RECORDED_OPERATOR, Act

ROOT: Final = Path(__file__).parents[2]
DASHBOARDS: Final = ROOT / "config" / "grafana" / "dashboards"
SCRAPE_S: Final = 15.0
"""In production; divided by the scale here."""

CALM_S: Final = 180.0
"""How long it stays calm before a trouble: divided by the scale, too."""

PATIENCE_S: Final = 180.0
LOOK_S: Final = 0.2


class Played(msgspec.Struct):
    """One act: when it was made and mended (Unix time), and who was told what from then until the next one began."""

    what: str
    made: float
    mended: float
    messages: list[Message]


class Night(msgspec.Struct):
    """The night, `scale` times as fast as one."""

    scale: float
    began: float
    acts: list[Played]


class Stage(msgspec.Struct):
    """What the night is played with; `folder` keeps its records."""

    fleet: Fleet
    prometheus: Prometheus
    pager: Pager
    scale: float
    folder: Path
    say: Callable[[str], None]


async def play(folder: Path, scale: float, say: Callable[[str], None]) -> Night:
    """Plays it in this folder, which is empty."""
    every_s = SCRAPE_S / scale
    async with (
        pager() as (taker, address),
        alertmanager(folder / "alertmanager", address, scale) as where,
        fleet(folder, PLAN) as ships,
        shoppers(ships, EVERY_S),
    ):
        scraping = Scraping(targets=ships.targets(), every=f"{1000 * every_s:.0f}ms", token=TOKEN, alertmanager=where)
        async with prometheus(folder / "prometheus", scraping) as server:
            await ships.start()
            await _until(lambda: _all_up(server, ships))
            await server.judge_by(await _rules(ships, scale))
            stage = Stage(ships, server, taker, scale, folder, say)
            night = Night(scale, time(), [])
            for number, act in enumerate(ACTS, 1):
                night.acts.append(await _play(act, stage, night.began if number == RECORDED_IN else 0.0))
            return night


async def _play(act: Act, stage: Stage, recorded_since: float) -> Played:
    await asyncio.sleep(CALM_S / stage.scale)  # what pages without a trouble must have time to do so
    earlier = len(stage.pager.messages)
    made = time()
    stage.say(f"{act.what} …")
    async with act.make(stage.fleet):
        await _until(lambda: _told(act, stage.pager.messages[earlier:]))
        if recorded_since:
            await _record(stage, recorded_since)
    mended = time()
    await _until(lambda: _calm(stage))
    messages = stage.pager.messages[earlier:]
    stage.say(f"  told after {messages[0].began - made:.0f} s: {', '.join(sorted(messages[0].alerts))}")
    return Played(act.what, made, mended, messages)


async def _told(act: Act, messages: list[Message]) -> bool:
    """Both who is to be woken, and who finds it in the morning."""
    paged = not act.page or any(message.receiver == "page" and message.group == act.page for message in messages)
    return paged and (not act.ticket or any(act.ticket in message.alerts for message in messages))


async def _calm(stage: Stage) -> bool:
    """Nobody's page is open, and no alert is about to open one."""
    return not stage.pager.open_pages() and not [
        alert for alert in await stage.prometheus.alerts() if alert.labels.get("severity") == "page"
    ]


async def _all_up(server: Prometheus, ships: Fleet) -> bool:
    return await server.targets_up() == len(ships.targets())


async def _rules(ships: Fleet, scale: float) -> str:
    status, said = await ships.gateways[0].command("rules", "--scale", f"{scale:g}")
    assert status == 0, said
    return said


async def _record(stage: Stage, since: float) -> None:
    """For the pictures of the boards: `boards/pictures`."""
    span = Span(since, time(), SCRAPE_S / stage.scale)
    recorded = await record(stage.prometheus.url, sorted(DASHBOARDS.glob("*.json")), span, RECORDED_OPERATOR)
    (stage.folder / "boards.json").write_text(json.dumps(recorded), encoding="utf-8")


async def _until(holds: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await holds():
            await asyncio.sleep(LOOK_S)
