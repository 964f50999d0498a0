"""Every alert fires when its trouble is made on real processes, and is resolved once that is mended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.monitoring.asking import Asking
from tests.monitoring.fleet import TOKEN, Fleet, fleet, shoppers
from tests.monitoring.making import Trouble, in_background
from tests.monitoring.prometheus import Scraping, prometheus
from tests.monitoring.troubles import AFTER_ALL, EVERY_S, PLAN, TROUBLES
from tests.monitoring.watch import Expected, Watch, watching

SCALE: Final = 60
DAYS_SCALE: Final = 1440
"""The budgets that burn slowly are watched over days: a second Prometheus has those pass sooner still."""

SCRAPE: Final = "250ms"
OBJECTIVES: Final = '{__name__=~"mm_gateway_objective.+"}'
BUDGET: Final = "mm_gateway_objective"
SLOW: Final = "MmGatewayBudgetBurnsSlow"


@pytest.mark.needs_programs("prometheus")
async def test_every_alert_fires_and_resolves(tmp_path: Path) -> None:
    async with (
        fleet(tmp_path, PLAN) as stage,
        _watched(tmp_path, stage) as watch,
        _watched_over_days(tmp_path, watch) as over_days,
        shoppers(stage, EVERY_S),
    ):
        await stage.start()
        await watch.until_scraped(len(stage.targets()))
        await watch.prometheus.judge_by(await _rules(stage, SCALE))
        await over_days.prometheus.judge_by(_of_budgets(await _rules(stage, DAYS_SCALE)))
        asking = Asking(watch.prometheus)
        async with in_background(asking.ask()), asyncio.TaskGroup() as group:
            group.create_task(_live_through_side_by_side(stage, watch))
            group.create_task(_budgets_burn_slowly(over_days))
        for trouble in AFTER_ALL:
            await Life(trouble).live(stage, watch, {})
        rules = await watch.prometheus.rules()
        (tmp_path / "story").write_text("\n".join(watch.story))
        (tmp_path / "empty").write_text("\n".join(f"{q.may_be_empty} {q.where}: {q.expr}" for q in asking.unanswered))
    assert [query for query in asking.unanswered if not query.may_be_empty] == []
    assert [rule for rule in rules if rule.error] == []
    assert watch.seen | {SLOW} == {rule.name for rule in rules if rule.alerting}


@asynccontextmanager
async def _watched(folder: Path, stage: Fleet) -> AsyncIterator[Watch]:
    scraping = Scraping(targets=stage.targets(), every=SCRAPE, token=TOKEN)
    async with prometheus(folder / "prometheus", scraping) as server, watching(server) as watch:
        yield watch


@asynccontextmanager
async def _watched_over_days(folder: Path, other: Watch) -> AsyncIterator[Watch]:
    """By a Prometheus that takes what it needs from the other, so that gateways are not scraped twice."""
    target = other.prometheus.url.removeprefix("http://")
    scraping = Scraping(targets=[target], every=SCRAPE, federated=OBJECTIVES)
    async with prometheus(folder / "days", scraping) as server, watching(server) as watch:
        yield watch


async def _rules(stage: Fleet, scale: int) -> str:
    """As the command prints them for this configuration."""
    status, said = await stage.gateways[0].command("rules", "--scale", str(scale))
    assert status == 0, said
    return said


def _of_budgets(rules: str) -> str:
    """What judges budgets over days, and nothing else: there is nothing else to judge from."""
    groups = yaml.safe_load(rules)["groups"]
    wanted = [
        rule
        for group in groups
        for rule in group["rules"]
        if BUDGET in rule.get("record", "") or rule.get("alert") == SLOW
    ]
    return yaml.safe_dump({"groups": [{"name": "budgets", "rules": wanted}]})


async def _budgets_burn_slowly(over_days: Watch) -> None:
    """The trouble is the one that burns them fast."""
    expected = [Expected(SLOW, {"operator": "slow", "objective": "latency"})]
    await over_days.until_firing(expected)
    await over_days.until_resolved(expected)


async def _live_through_side_by_side(stage: Fleet, watch: Watch) -> None:
    """All of `TROUBLES`, each as soon as it may."""
    lives = {trouble.what: Life(trouble) for trouble in TROUBLES}
    async with asyncio.TaskGroup() as group:
        for life in lives.values():
            group.create_task(life.live(stage, watch, lives))


class Life:
    """One trouble from its beginning to its end."""

    def __init__(self, trouble: Trouble) -> None:
        self.trouble = trouble
        self.mended = asyncio.Event()
        self.over = asyncio.Event()

    async def live(self, stage: Fleet, watch: Watch, others: Mapping[str, Life]) -> None:
        for name in self.trouble.after:
            await others[name].over.wait()
        for name in self.trouble.hides:
            await others[name].mended.wait()
        async with self.trouble.make(stage):
            await watch.until_firing(self.trouble.fires)
        self.mended.set()
        await watch.until_resolved(self.trouble.fires)
        self.over.set()
