"""A real Alertmanager with the shipped file, and the one who is woken by it: a receiver of its messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from time import time
from typing import Any, Final

import aiohttp
import msgspec
import yaml
from aiohttp import web

from gateway.alerting.scale import Scale
from tests.monitoring.prometheus import running, until_ready
from tests.support.ports import free_port
from tests.support.programs import program

ROOT: Final = Path(__file__).parents[2]
CONFIG: Final = ROOT / "config" / "alertmanager" / "alertmanager.yaml"
ADDRESS: Final = "http://pager.example"
"""Where the shipped file sends messages."""

TIMES: Final = ("group_wait", "group_interval", "repeat_interval")


class Message(msgspec.Struct):
    """One group of alerts that somebody was told of: from when to when (Unix time), and which alerts were in it."""

    receiver: str
    group: dict[str, str]
    began: float
    alerts: set[str] = msgspec.field(default_factory=set)
    ended: float = 0.0


class Pager:
    """Takes Alertmanager's messages. `messages` are in the order in which they came."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._open: dict[str, Message] = {}

    def open_pages(self) -> list[Message]:
        """Those who were woken and have not been told that it is over."""
        return [message for message in self._open.values() if message.receiver == "page"]

    async def take(self, request: web.Request) -> web.Response:
        said = await request.json()
        key = said["groupKey"]
        if said["status"] == "resolved":
            if key in self._open:
                self._open.pop(key).ended = time()
            return web.Response()
        if key not in self._open:
            group = {name: text for name, text in said["groupLabels"].items() if name != "job"}
            self._open[key] = Message(said["receiver"], group, time())
            self.messages.append(self._open[key])
        firing = (alert["labels"]["alertname"] for alert in said["alerts"] if alert["status"] == "firing")
        self._open[key].alerts.update(firing)
        return web.Response()


@asynccontextmanager
async def pager() -> AsyncIterator[tuple[Pager, str]]:
    """A pager, and its address."""
    taker = Pager()
    application = web.Application()
    application.router.add_post("/{receiver}", taker.take)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield taker, f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def alertmanager(folder: Path, address: str, scale: float) -> AsyncIterator[str]:
    """Runs one that sends to this address, with times divided by `scale`; gives where it listens, without a scheme."""
    await asyncio.to_thread(folder.mkdir)
    config = folder / "alertmanager.yaml"
    await asyncio.to_thread(config.write_text, _config(address, Scale(scale)), encoding="utf-8")
    where = f"127.0.0.1:{free_port()}"
    command = (
        f"--config.file={config}", f"--storage.path={folder / 'data'}", f"--web.listen-address={where}",
        "--cluster.listen-address=", "--log.level=warn",
    )  # fmt: skip
    async with (
        running(program("prometheus-alertmanager"), *command, log=folder / "alertmanager.log"),
        aiohttp.ClientSession() as client,
    ):
        await until_ready(client, f"http://{where}/-/ready")
        yield where


def _config(address: str, scale: Scale) -> str:
    content = yaml.safe_load(CONFIG.read_text(encoding="utf-8").replace(ADDRESS, address))
    _shorten(content["route"], scale)
    return yaml.safe_dump(content)


def _shorten(route: dict[str, Any], scale: Scale) -> None:
    for name in TIMES:
        if name in route:
            route[name] = scale.duration(route[name])
    for inner in route.get("routes", ()):
        _shorten(inner, scale)


def describe(group: Mapping[str, str]) -> str:
    """`operator=acme`, or the alert's name where the group is an alert's."""
    return ", ".join(text if name == "alertname" else f"{name}={text}" for name, text in sorted(group.items()))
