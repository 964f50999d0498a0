"""A real Prometheus with the files of `config/prometheus`: it scrapes gateways, and tests ask it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
import yaml

from tests.support.ports import free_port
from tests.support.programs import program

ROOT: Final = Path(__file__).parents[2]
CONFIG: Final = ROOT / "config" / "prometheus" / "prometheus.yaml"
RULES: Final = "rules.yaml"
START_S: Final = 30.0
LOOK_S: Final = 0.1
FEATURES: Final = "exemplar-storage"


class Sample(msgspec.Struct, frozen=True):
    """One series of an instant query's answer; a scalar has no labels."""

    labels: dict[str, str]
    value: float

    @property
    def is_number(self) -> bool:
        return not math.isnan(self.value)


class QueryRefused(Exception):
    """Prometheus has answered a query with an error, whose text this is."""


class Alert(msgspec.Struct, frozen=True):
    """An alert as Prometheus has it: its labels without `alertname`, and `pending` or `firing`."""

    name: str
    labels: dict[str, str]
    state: str

    def __str__(self) -> str:
        where = ", ".join(text for name, text in sorted(self.labels.items()) if name not in {"job", "severity"})
        return f"{self.name} ({where})" if where else self.name


class Rule(msgspec.Struct, frozen=True):
    """A rule as Prometheus has loaded it: its name and expression, and what was wrong at its last evaluation."""

    name: str
    alerting: bool
    expr: str
    error: str
    evaluated: bool


class Prometheus:
    """What a running one is asked. `job` is the only scrape job's name."""

    def __init__(self, url: str, client: aiohttp.ClientSession, folder: Path) -> None:
        self.url = url
        self._client = client
        self._folder = folder

    async def judge_by(self, rules: str) -> None:
        """Uses this file of rules from now on; until then it has none.

        A Prometheus needs five seconds to find its first targets, which is long where half a minute is half a second.
        """
        (self._folder / RULES).write_text(rules, encoding="utf-8")
        async with self._client.post(f"{self.url}/-/reload") as answer:
            assert answer.status == 200, await answer.text()

    async def query(self, expr: str, at: float | None = None) -> list[Sample]:
        """The expression's value now, or at that Unix time. Raises `QueryRefused`."""
        data = await self._ask("query", {"query": expr} | ({} if at is None else {"time": str(at)}))
        if data["resultType"] in {"scalar", "string"}:
            return [Sample({}, float(data["result"][1]))]
        return [_sample(each) for each in data["result"]]

    async def query_range(self, expr: str, start: float, end: float, step: float) -> list[Any]:
        """The series of the answer as Prometheus gives them: `metric`, and `values` as pairs of time and text."""
        bounds = {"start": str(start), "end": str(end), "step": str(step)}
        data = await self._ask("query_range", {"query": expr, **bounds})
        return list(data["result"])

    async def value(self, expr: str) -> float:
        """Of an expression with one series at most; 0 if there is none."""
        samples = await self.query(expr)
        assert len(samples) <= 1, samples
        return samples[0].value if samples else 0.0

    async def alerts(self) -> list[Alert]:
        """All that are pending or firing."""
        data = await self._ask("alerts")
        return [_alert(each["labels"], each["state"]) for each in data["alerts"]]

    async def rules(self) -> list[Rule]:
        data = await self._ask("rules")
        return [_rule(each) for group in data["groups"] for each in group["rules"]]

    async def targets_up(self) -> int:
        """How many targets could be scraped the last time."""
        data = await self._ask("targets", {"state": "active"})
        return sum(each["health"] == "up" for each in data["activeTargets"])

    async def _ask(self, name: str, form: Mapping[str, str] | None = None) -> Any:
        """As a GET, which every page takes; the queries are short."""
        async with self._client.get(f"{self.url}/api/v1/{name}", params=form) as answer:
            said = await answer.json()
        if said["status"] != "success":
            raise QueryRefused(said["error"])
        return said["data"]


class Scraping(msgspec.Struct, frozen=True, kw_only=True):
    """What differs from the shipped configuration: addresses, times, and where alerts go."""

    targets: Sequence[str]
    every: str
    token: str = ""
    alertmanager: str = ""
    federated: str = ""
    """A selector: these series are taken from another Prometheus, which then is the target."""


@asynccontextmanager
async def prometheus(folder: Path, scraping: Scraping) -> AsyncIterator[Prometheus]:
    """Runs one in this folder, which is empty, until the context is left; its data then lies in `data`."""
    config_file = await asyncio.to_thread(_write_config, folder, scraping)
    port = free_port()
    command = (
        f"--config.file={config_file}", f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}", f"--enable-feature={FEATURES}", "--log.level=warn",
        "--web.enable-lifecycle",
    )  # fmt: skip
    async with (
        running(program("prometheus"), *command, log=folder / "prometheus.log"),
        aiohttp.ClientSession() as client,
    ):
        url = f"http://127.0.0.1:{port}"
        await until_ready(client, f"{url}/-/ready")
        yield Prometheus(url, client, folder)


@asynccontextmanager
async def running(what: Path, *arguments: str, log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """The program's process, which is told to end when the context is left."""
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(what, *arguments, stdout=output, stderr=output)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def until_ready(client: aiohttp.ClientSession, url: str) -> None:
    async with asyncio.timeout(START_S):
        while not await _answers(client, url):
            await asyncio.sleep(LOOK_S)


async def _answers(client: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with client.get(url) as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


def _write_config(folder: Path, scraping: Scraping) -> Path:
    folder.mkdir(exist_ok=True)
    content = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    content["global"] = {**content["global"], "scrape_interval": scraping.every, "evaluation_interval": scraping.every}
    (job,) = content["scrape_configs"]
    job["static_configs"] = [{"targets": list(scraping.targets)}]
    job["authorization"] = {"credentials": scraping.token}
    if scraping.federated:
        job |= {"metrics_path": "/federate", "honor_labels": True, "params": {"match[]": [scraping.federated]}}
    content["rule_files"] = [RULES]
    (folder / RULES).write_text("groups: []", encoding="utf-8")
    targets = [{"targets": [scraping.alertmanager]}] if scraping.alertmanager else []
    content["alerting"] = {"alertmanagers": [{"static_configs": targets}]}
    path = folder / "prometheus.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def _sample(series: Mapping[str, Any]) -> Sample:
    """A native histogram counts as a number: it is there."""
    value = float(series["value"][1]) if "value" in series else float(series["histogram"][1]["count"])
    return Sample(series["metric"], value)


def _alert(labels: Mapping[str, str], state: str) -> Alert:
    return Alert(labels["alertname"], {name: text for name, text in labels.items() if name != "alertname"}, state)


def _rule(rule: Mapping[str, Any]) -> Rule:
    return Rule(
        name=rule["name"],
        alerting=rule["type"] == "alerting",
        expr=rule["query"],
        error=rule.get("lastError", ""),
        evaluated=not rule["lastEvaluation"].startswith("0001-"),
    )
