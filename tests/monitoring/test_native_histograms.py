"""A real Prometheus that asks for native histograms and exemplars gets them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from gateway.wire.calls import WalletCall
from tests.support.gateway_process import GatewayProcess
from tests.support.instances import operator
from tests.support.programs import program
from tests.support.runtimes import FarOperator, far_operator, operator_to, running, settings_for
from tests.support.wallet_client import body, post

pytestmark = pytest.mark.needs_programs("prometheus")

PATIENCE_S = 60
LISTENS_ON = re.compile(rb'msg="Listening on" address=(\S+)')
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
async def far() -> AsyncIterator[FarOperator]:
    async with far_operator() as operator:
        yield operator


class Prometheus:
    """A running one, to be asked."""

    def __init__(self, url: str, client: aiohttp.ClientSession) -> None:
        self._url = url
        self._client = client

    async def until_found(self, page: str, query: str) -> list[Any]:
        """What a query finds, as soon as it finds something."""
        async with asyncio.timeout(PATIENCE_S):
            while not (found := await self.ask(page, query)):
                await asyncio.sleep(0.1)
        return found

    async def ask(self, page: str, query: str) -> list[Any]:
        """What a query finds now; nothing while it starts."""
        wanted = {"query": query, "start": "0", "end": "4000000000"} if page == "query_exemplars" else {"query": query}
        async with self._client.get(f"{self._url}/api/v1/{page}", params=wanted) as answer:
            if answer.status == HTTPStatus.SERVICE_UNAVAILABLE:
                return []
            data = (await answer.json())["data"]
        return list(data["result"] if isinstance(data, dict) else data)


@asynccontextmanager
async def prometheus(folder: Path, target: str, features: str) -> AsyncIterator[Prometheus]:
    job = {"job_name": "mm-gateway", "static_configs": [{"targets": [target]}]}
    config = folder / "prometheus.yaml"
    config.write_text(yaml.safe_dump({"global": {"scrape_interval": "1s"}, "scrape_configs": [job]}))
    process = await asyncio.create_subprocess_exec(
        program("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        "--web.listen-address=127.0.0.1:0",
        f"--enable-feature={features}",
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(PATIENCE_S), aiohttp.ClientSession() as client:
            while not (address := LISTENS_ON.search(await process.stderr.readline())):
                pass
            reading = asyncio.create_task(process.stderr.read())  # or it would wait for somebody to read
            yield Prometheus(f"http://{address[1].decode()}", client)
    finally:
        process.terminate()
        await process.wait()
    await reading


async def test_quantiles_of_calls_come_from_native_histograms(tmp_path: Path, far: FarOperator) -> None:
    async with (
        GatewayProcess({"operators": {"acme": operator(far)}}, tmp_path) as gateway,
        prometheus(tmp_path, gateway.admin_url.removeprefix("http://"), "native-histograms") as asked,
    ):
        await post(gateway.wallet_url, WalletCall.WITHDRAW, body(WalletCall.WITHDRAW, "1"))
        await asked.until_found("query", "mm_gateway_call_seconds")
        await post(gateway.wallet_url, WalletCall.WITHDRAW, body(WalletCall.WITHDRAW, "2"))
        quantile = 'histogram_quantile(0.9, rate(mm_gateway_call_seconds{operator="acme"}[1m])) > 0'
        (series,) = await asked.until_found("query", quantile)
        assert 0 < float(series["value"][1]) < PATIENCE_S
        assert (series["metric"]["job"], series["metric"]["operator"]) == ("mm-gateway", "acme")
        assert await asked.ask("query", "mm_gateway_call_seconds_bucket") == []  # the other form was not taken
        assert len(await asked.ask("query", "mm_gateway_parked_total")) == 2
        assert len(await asked.ask("query", "process_cpu_seconds_total")) == 1


async def test_exemplars_arrive_with_openmetrics_and_with_protobuf(tmp_path: Path, far: FarOperator) -> None:
    folders = tmp_path / "text", tmp_path / "native"
    for folder in folders:
        folder.mkdir()
    async with running(settings_for(tmp_path, {"acme": operator_to(far)})) as gateway:
        metrics = gateway.runtime.metrics
        metrics.call("acme", "withdraw", "ok", 0.2)
        metrics.call_traced("acme", "withdraw", "ok", 0.2, TRACE)
        target = f"127.0.0.1:{gateway.admin_port}"
        async with (
            prometheus(folders[0], target, "exemplar-storage") as with_text,
            prometheus(folders[1], target, "exemplar-storage,native-histograms") as with_protobuf,
        ):
            ((text,), (native,)) = await asyncio.gather(
                with_text.until_found("query_exemplars", "mm_gateway_call_seconds_bucket"),
                with_protobuf.until_found("query_exemplars", "mm_gateway_call_seconds"),
            )
    assert text["seriesLabels"]["le"] == "0.25"
    for found in (text, native):
        (exemplar,) = found["exemplars"]
        assert (exemplar["labels"], float(exemplar["value"])) == ({"trace_id": TRACE}, 0.2)
