"""One call through the gateway, and through its alternatives."""

from __future__ import annotations

from bench import journals
from bench.contestants.gateway import gateway
from bench.contestants.proxies import BY_HAND, PROXIES, saga
from bench.measuring import Bench
from bench.results import GameRun, ScenarioResult, TargetResult, figure, ratio
from bench.targets import TARGETS
from tests.support.postgres import PostgresServer

GATEWAY = "gateway"


def run(bench: Bench, database: PostgresServer) -> list[ScenarioResult]:
    """The gateway, bare proxies, and services that do the same job, for a rollback and for a balance."""
    journal = journals.url(journals.new_path(bench.home, "proxies"))
    with bench.running([gateway(journal), *PROXIES]) as proxies:
        rollbacks = bench.take_turns(proxies, "rollback")
        balances = bench.take_turns(proxies, "balance")
        with bench.running([BY_HAND, saga(database.url)]) as services:
            ours = next(one for one in proxies if one.name == GATEWAY)
            beside = bench.take_turns([ours, *services], "rollback")
    seen = journals.check(journal, [*rollbacks[GATEWAY], *beside[GATEWAY]])
    durable = f"; all {seen} transfers of this gateway are in its journal"
    services_only = {name: runs for name, runs in beside.items() if name != GATEWAY}
    return [
        ScenarioResult(
            scenario="rollback",
            figures=[figure(name, runs) for name, runs in (rollbacks | services_only).items()],
            findings=[
                *_against(rollbacks, "rollback", ["fastify", "aiohttp"], durable),
                *_against(beside, "rollback", ["by_hand", "dbos"], durable),
            ],
            missing=bench.missing,
        ),
        ScenarioResult(
            scenario="balance",
            figures=[figure(name, runs) for name, runs in balances.items()],
            findings=_against(balances, "balance", ["aiohttp"], ""),
        ),
    ]


def _against(runs: dict[str, list[GameRun]], flow: str, names: list[str], more: str) -> list[TargetResult]:
    return [_one_against(runs[GATEWAY], runs[name], f"{flow}/{name}", more) for name in names]


def _one_against(ours: list[GameRun], theirs: list[GameRun], key: str, more: str) -> TargetResult:
    mine, other = figure(GATEWAY, ours), figure(key, theirs)
    evidence = f"{mine.rate:,.0f} calls/s against {other.rate:,.0f}; {mine.cpu_us:.0f} µs against {other.cpu_us:.0f}"
    return TARGETS[key].result(key, ratio(ours, theirs), evidence + more)
