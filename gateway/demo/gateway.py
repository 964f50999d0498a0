"""The demo's gateway: `mm-gateway serve` in a process of its own, killed and started again."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import yaml

from gateway.demo.operators import HOST, DemoOperator
from gateway.demo.shop import SECRET, Shop

WITH_PARENT: Final = Path(__file__).with_name("with_parent.py")

START_TIMEOUT_S: Final = 30.0
STOP_TIMEOUT_S: Final = 30.0

CATEGORIES: Final = {
    "withdraw_failed": "request failed",
    "goods_not_delivered": "could not be delivered",
    "gateway_died": "interrupted",
    "declined": "limit",
    "no_answer": "did not answer in time",
    "connection_lost": "connection",
    "not_reached": "could not be connected to",
    "unreadable_answer": "failed",
}
"""The categories of the demo's rollback reasons: each name, and the text that a reason of it contains."""


class DemoError(Exception):
    """The demo cannot go on; the text says why."""


class DemoGateway:
    """The gateway's process. Its files lie in the folder; `wallet_url` and `operators_url` are its addresses since
    the last start."""

    def __init__(self, folder: Path) -> None:
        self.config_file = folder / "gateway.yaml"
        self.journal_file = folder / "journal.db"
        self.log_file = folder / "gateway.log"
        self.wallet_url = self.operators_url = f"http://{HOST}:0"
        self._process: asyncio.subprocess.Process | None = None

    def configure(self, operators: Iterable[DemoOperator], shop: Shop) -> None:
        """Writes its configuration: as in production, but with a delivery schedule of seconds instead of days."""
        content: dict[str, Any] = {
            "server": {"host": HOST, "port": 0},
            "operators_server": {"host": HOST, "port": 0},
            "admin": {"host": HOST, "port": 0},
            "journal": {"url": f"sqlite:///{self.journal_file}"},
            "delivery": {
                "schedule": ["0s", "200ms", "500ms", "1s"],
                "then_every": "2s",
                "until": "10m",
                "late_arrival_window": "2s",
            },
            "rollback_reasons": {"categories": [{"name": name, "match": text} for name, text in CATEGORIES.items()]},
            "operators": {operator.name: operator.configuration(shop.url, SECRET) for operator in operators},
        }
        self.config_file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")

    async def start(self) -> int:
        """Starts the process, and returns its id once it serves. Raises `DemoError`, or `TimeoutError` after 30 s."""
        command = (sys.executable, "-m", "gateway.cli", "serve", "--config", str(self.config_file))
        bound = (sys.executable, str(WITH_PARENT), str(os.getpid()), *command)
        with self.log_file.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *bound,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # Ctrl-C must reach only the demo, which then stops its gateway
            )
        assert self._process.stdout is not None
        async with asyncio.timeout(START_TIMEOUT_S):
            words = (await self._process.stdout.readline()).decode().replace(",", "").split()
        if not words:
            raise DemoError(f"the gateway did not start: {self._last_log_line()}")
        self.wallet_url, self.operators_url, _ = (word for word in words if word.startswith("http"))
        return self._process.pid

    async def kill(self) -> None:
        """Sends SIGKILL if the process runs, as `kill -9` does."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def stop(self) -> int:
        """Sends SIGTERM. Returns the exit status, or raises `TimeoutError` after 30 s."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(STOP_TIMEOUT_S):
            return await self._process.wait()

    def _last_log_line(self) -> str:
        lines = self.log_file.read_text(encoding="utf-8", errors="replace").splitlines()
        return lines[-1] if lines else "its log is empty"
