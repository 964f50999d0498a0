"""The journal in PostgreSQL against the one in SQLite."""

from __future__ import annotations

from bench import journals
from bench.contestants.gateway import gateway
from bench.measuring import Bench
from bench.results import ScenarioResult, figure, ratio
from bench.targets import TARGETS
from tests.support.postgres import PostgresServer


def run(bench: Bench, database: PostgresServer) -> list[ScenarioResult]:
    """Both on this machine, and PostgreSQL not on the gateway's core."""
    urls = {
        "sqlite": journals.url(journals.new_path(bench.home, "sqlite")),
        "postgres": database.url,
    }
    with bench.running([gateway(url, name=name) for name, url in urls.items()]) as running:
        runs = bench.take_turns(running, "rollback")
    seen = sum(journals.check(url, runs[name]) for name, url in urls.items())
    figures = [figure(name, played) for name, played in runs.items()]
    sqlite, postgres = figures
    words = f"{postgres.rate:,.0f} calls/s against {sqlite.rate:,.0f}; all {seen} transfers are in the journals"
    found = TARGETS["postgres/rate"].result("postgres/rate", ratio(runs["postgres"], runs["sqlite"]), words)
    return [ScenarioResult(scenario="postgres", figures=figures, findings=[found])]
