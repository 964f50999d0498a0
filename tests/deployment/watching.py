"""A real Prometheus that watches a real gateway, by the files of `config/prometheus`."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import yaml

from tests.support.gateway_process import GatewayProcess
from tests.support.instances import operator
from tests.support.ports import free_port
from tests.support.runtimes import far_operator

TOKEN: Final = "a-token-for-the-admin-listener"
PATIENCE_S: Final = 60.0
LOOK_S: Final = 0.2


async def a_gateway_is_scraped(folder: Path, config: Path) -> str:
    """Returns what is wrong, empty if nothing is."""
    async with far_operator() as far:
        content = {"operators": {"acme": operator(far)}, "admin": {"port": 0, "token": TOKEN}}
        async with GatewayProcess(content, folder) as gateway, _prometheus(folder, config, gateway) as url:
            return await _watched(url, config)


@asynccontextmanager
async def _prometheus(folder: Path, config: Path, gateway: GatewayProcess) -> AsyncIterator[str]:
    """Runs it with our configuration, whose targets and token are this gateway's."""
    content = yaml.safe_load((config / "prometheus.yaml").read_text(encoding="utf-8"))
    (job,) = content["scrape_configs"]
    job["static_configs"] = [{"targets": [gateway.admin_url.removeprefix("http://")]}]
    job["authorization"]["credentials_file"] = str(folder / "token")
    content["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    (folder / "token").write_text(TOKEN)
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(content))
    shutil.copy(config / "rules.yaml", folder)
    port = free_port()
    with (folder / "prometheus.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            "prometheus", f"--config.file={folder / 'prometheus.yaml'}", f"--storage.tsdb.path={folder / 'metrics'}",
            f"--web.listen-address=127.0.0.1:{port}", stdout=log, stderr=log,
        )  # fmt: skip
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


async def _watched(url: str, config: Path) -> str:
    async with aiohttp.ClientSession() as client:
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    if await _asked(client, f"{url}/api/v1/query?query=mm_gateway_build_info"):
                        break
                    await asyncio.sleep(LOOK_S)
        except TimeoutError:
            return f"it was not scraped within {PATIENCE_S:g} s"
        groups = await _asked(client, f"{url}/api/v1/rules")
    loaded = {rule["name"]: rule["health"] for group in groups for rule in group["rules"]}
    shipped = yaml.safe_load((config / "rules.yaml").read_text(encoding="utf-8"))["groups"]
    missing = {rule.get("alert", rule.get("record")) for group in shipped for rule in group["rules"]} - set(loaded)
    return f"rules are missing or ill: {loaded}" if missing or "err" in loaded.values() else ""


async def _asked(client: aiohttp.ClientSession, url: str) -> list[Any]:
    """The results; none while it does not answer yet."""
    try:
        async with client.get(url) as answer:
            if answer.status != 200:
                return []
            data = (await answer.json())["data"]
    except aiohttp.ClientError:
        return []
    return list(data.get("result") or data.get("groups") or [])
