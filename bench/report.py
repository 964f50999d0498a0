"""The results of a run as a page in Markdown: the targets first, then the figures behind them."""

from __future__ import annotations

from collections.abc import Iterator

from bench.results import Figure, Results, ScenarioResult, TargetResult
from bench.targets import TARGETS

TITLES = {
    "gateway": "this gateway",
    "nginx": "nginx as a proxy",
    "envoy": "Envoy as a proxy",
    "fastify": "Fastify http-proxy",
    "aiohttp": "aiohttp, typed pass-through",
    "by_hand": "by hand: FastAPI, httpx, SQLAlchemy, SQLite",
    "dbos": "saga on DBOS, PostgreSQL",
}
BEGIN = "<!-- the last run of make bench: begin -->"
END = "<!-- the last run of make bench: end -->"

FULL_LOAD = 0.9
"""Above this share of its core, the load itself may have limited the rate."""


def page(results: Results) -> str:
    """The whole page, in Markdown."""
    return "\n".join(_lines(results)) + "\n"


def fill_page(text: str, results: Results) -> str:
    """The page with this run's table of targets between its two marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return "\n".join([before + BEGIN, "", *_run(results), "", *_targets(results), "", END + after])


def summary(results: Results) -> str:
    """One line: how many targets are met."""
    findings = [finding for outcome in results.outcomes for finding in outcome.findings]
    met = sum(finding.met for finding in findings)
    return f"make bench: {met} of {len(findings)} targets met in {results.took_s:.0f} s"


def _lines(results: Results) -> Iterator[str]:
    yield "# Figures of one run"
    yield ""
    yield from _run(results)
    yield ""
    yield from _targets(results)
    for outcome in results.outcomes:
        yield from _scenario(outcome)


def _run(results: Results) -> Iterator[str]:
    kind = "The quick run: it shows that everything works, its figures are rough. " if results.quick else ""
    yield f"{kind}Begun {results.began}, took {results.took_s:.0f} s."
    yield ""
    yield from (f"- {name}: {fact}" for name, fact in results.machine.items())


def _targets(results: Results) -> Iterator[str]:
    yield "| target | bound | measured | | how it was found |"
    yield "|---|---|---|---|---|"
    for outcome in results.outcomes:
        yield from map(_target_row, outcome.findings)


def _target_row(finding: TargetResult) -> str:
    what = TARGETS[finding.target].what
    bound = f"{'≥' if finding.at_least else '≤'} {finding.bound:.2f}"
    return f"| {what} | {bound} | {finding.value:.2f} | {'met' if finding.met else '**missed**'} | {finding.evidence} |"


def _scenario(outcome: ScenarioResult) -> Iterator[str]:
    yield ""
    yield f"## {outcome.scenario}"
    yield ""
    yield from (f"Left out: {text}." for text in outcome.missing)
    if outcome.figures:
        yield "| | calls/s | p50 ms | p99 ms | processor µs a call | load's share of its core |"
        yield "|---|---|---|---|---|---|"
        yield from map(_figure_row, outcome.figures)


def _figure_row(figure: Figure) -> str:
    rate = f"{'at least ' if figure.load_share > FULL_LOAD else ''}{figure.rate:,.0f}"
    title = TITLES.get(figure.contestant, figure.contestant)
    return (
        f"| {title} | {rate} | {figure.p50_ms:.2f} | {figure.p99_ms:.2f} | {figure.cpu_us:.0f} | "
        f"{100 * figure.load_share:.0f} % |"
    )
