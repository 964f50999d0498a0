"""Runs the scenarios, writes their results, and ends with a summary line. The exit status is 1 if a target is missed.

`--quick` takes under a minute and only shows that everything works: a missed target does not fail it.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from bench import cores, machine, report
from bench.measuring import Bench
from bench.processes import BenchError, run
from bench.results import Results, ScenarioResult
from bench.scenarios import hanging, hub88, latency, postgres, proxies, rows, workers
from bench.sizes import FULL, QUICK
from tests.support.postgres import PostgresServer

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parent
HOME: Final = ROOT / ".bench"
PAGE: Final = ROOT / "docs/performance.md"
BENCH_PYTHON: Final = ROOT / ".venv-bench/bin/python"

Scenario = Callable[[Bench, PostgresServer], list[ScenarioResult]]

SCENARIOS: Final[dict[str, Scenario]] = {
    "proxies": proxies.run,
    "hub88": lambda bench, _: hub88.run(bench),
    "latency": lambda bench, _: latency.run(bench),
    "hanging": lambda bench, _: hanging.run(bench),
    "postgres": postgres.run,
    "workers": workers.run,
    "rows": lambda bench, _: rows.run(bench),
}


def main() -> int:
    """The command line. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=SCENARIOS, action="append", help="one scenario; may be given several times")
    given = parser.parse_args()
    if not BENCH_PYTHON.exists():
        parser.exit(2, "bench: .venv-bench, which draws the plots, is missing; run `make bench BENCH_ARGS=…`\n")
    HOME.mkdir(exist_ok=True)
    for log in HOME.glob("*.log"):
        log.unlink()
    try:
        results = _measure(given.only or list(SCENARIOS), quick=given.quick)
    except BenchError as failure:
        sys.stderr.write(f"make bench: failed: {failure}\n")
        return 1
    _save(results, record=not given.quick and not given.only)
    sys.stdout.write(report.page(results) + "\n" + report.summary(results) + "\n")
    met = all(finding.met for outcome in results.outcomes for finding in outcome.findings)
    return 0 if met or given.quick else 1


def _measure(names: list[str], *, quick: bool) -> Results:
    chosen = cores.choose()
    os.sched_setaffinity(0, {chosen.database})  # PostgreSQL inherits it
    began, clock = datetime.now(UTC), time.monotonic()
    facts = machine.describe(HOME)
    database = PostgresServer.start(HOME)
    os.sched_setaffinity(0, {chosen.load})
    bench = Bench(chosen, HOME, BENCH_PYTHON, QUICK if quick else FULL)
    try:
        outcomes = [outcome for name in names for outcome in _run_scenario(name, bench, database)]
    finally:
        bench.close()
        database.remove()
    took_s = time.monotonic() - clock
    return Results(machine=facts, quick=quick, began=began.isoformat("T", "seconds"), took_s=took_s, outcomes=outcomes)


def _run_scenario(name: str, bench: Bench, database: PostgresServer) -> Iterator[ScenarioResult]:
    sys.stderr.write(f"bench: {name}\n")
    yield from SCENARIOS[name](bench, database)


def _save(results: Results, *, record: bool) -> None:
    """Writes the results. Those of a single scenario, or of a quick run, stay out of the project's files."""
    folder = HERE if record else HOME
    kept = folder / "results.json"
    kept.write_bytes(msgspec.json.format(msgspec.json.encode(results)) + b"\n")
    (folder / "results.md").write_text(report.page(results), encoding="utf-8")
    if record:
        PAGE.write_text(report.fill_page(PAGE.read_text(encoding="utf-8"), results), encoding="utf-8")
    run([BENCH_PYTHON, HERE / "plots.py", kept, folder / "plots"], HOME / "plots.log")


if __name__ == "__main__":
    sys.exit(main())
