"""Two workers of one gateway against one, on PostgreSQL, with all cores of the machine for either."""

from __future__ import annotations

import asyncio
from typing import Final

from bench import journals
from bench.contestants.gateway import gateway
from bench.measuring import Bench
from bench.results import ScenarioResult, figure, ratio
from bench.targets import TARGETS
from tests.support.postgres import PostgresServer, create_schema

FLOWS: Final = ("balance", "rollback")


def run(bench: Bench, database: PostgresServer) -> list[ScenarioResult]:
    """Both share the cores with the load and with PostgreSQL, as they would on one machine."""
    urls = {workers: asyncio.run(create_schema(database.url)) for workers in (1, 2)}
    contestants = [gateway(url, name=f"workers-{n}", second_core=True, workers=n) for n, url in urls.items()]
    with bench.running(contestants) as running:
        turns = {flow: bench.take_turns(running, flow) for flow in FLOWS}
    for workers, url in urls.items():
        journals.check(url, turns["rollback"][f"workers-{workers}"])
    figures, findings = [], []
    for flow, runs in turns.items():
        one, two = (figure(name, runs[name]) for name in ("workers-1", "workers-2"))
        words = f"{two.rate:,.0f} calls/s against {one.rate:,.0f}; {two.cpu_us:.0f} µs a call against {one.cpu_us:.0f}"
        figures += [one, two]
        key = f"workers/{flow}"
        findings.append(TARGETS[key].result(key, ratio(runs["workers-2"], runs["workers-1"]), words))
    return [ScenarioResult(scenario="workers", figures=figures, findings=findings)]
