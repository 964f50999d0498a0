"""A real Prometheus is asked everything that the boards ask."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import yaml

from boards.pictures.names import DASHBOARDS
from boards.pictures.recording import Span, record
from tests.support.programs import program

pytestmark = pytest.mark.needs_programs("prometheus")


@pytest.fixture
async def prometheus(tmp_path: Path, unused_tcp_port: int) -> AsyncIterator[str]:
    """One that scrapes itself, as if it were a gateway."""
    address = f"127.0.0.1:{unused_tcp_port}"
    job = {"job_name": "mm-gateway", "scrape_interval": "1s", "static_configs": [{"targets": [address]}]}
    (tmp_path / "prometheus.yaml").write_text(yaml.safe_dump({"scrape_configs": [job]}))
    with (tmp_path / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            program("prometheus"), f"--config.file={tmp_path / 'prometheus.yaml'}",
            f"--storage.tsdb.path={tmp_path / 'data'}", f"--web.listen-address={address}", stderr=log,
        )  # fmt: skip
    try:
        await until_it_scrapes(f"http://{address}")
        yield f"http://{address}"
    finally:
        process.kill()
        await process.wait()


async def until_it_scrapes(url: str) -> None:
    async with asyncio.timeout(60), aiohttp.ClientSession() as client:
        while not await scraped(client, url):
            await asyncio.sleep(0.1)


async def scraped(client: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with client.get(f"{url}/api/v1/query", params={"query": "up == 1"}) as answer:
            return answer.status == 200 and bool((await answer.json())["data"]["result"])
    except aiohttp.ClientError:
        return False


async def test_a_recording_has_the_answer_to_every_query_of_every_board(prometheus: str) -> None:
    now = time.time()
    recorded = await record(prometheus, sorted(DASHBOARDS.glob("*.json")), Span(now - 60, now, 1), "acme")
    assert {uid: each["operator"] for uid, each in recorded["boards"].items()} == {
        "mm-gateway-journal": ".*",
        "mm-gateway-operator": "acme",
        "mm-gateway-overview": ".*",
        "mm-gateway-process": ".*",
        "mm-gateway-rollbacks": ".*",
    }
    process = recorded["boards"]["mm-gateway-process"]
    assert process["panels"]["1"]["A"][0]["value"][1] == "1", "Gateways up"
    assert process["annotations"].keys() == {"Restarts", "Reloads", "Alerts"}
    assert all(recorded["boards"][uid]["panels"] for uid in recorded["boards"])
