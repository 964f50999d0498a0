"""The real gateway, `mm-gateway serve`, in a process of its own: started, reloaded, stopped, killed, started again."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

import aiohttp
import yaml

from gateway.crashpoints import ENVIRONMENT

PATIENCE_S: Final = 60.0
COMMAND: Final = (sys.executable, "-m", "gateway.cli")


class DiedAtStart(Exception):
    """The gateway ended before it served; `status` is its exit status, negative for a signal."""

    def __init__(self, status: int, log: str) -> None:
        super().__init__(f"exit status {status}\n{log}")
        self.status = status


class GatewayProcess:
    """One gateway with its folder: `config_file`, `journal`, and `log_file`, which grows over restarts.

    `config` is the file's text, or its content, in which free ports on 127.0.0.1 and the journal in the folder go
    without saying. As a context manager it starts the gateway, and kills it at the end if it still runs. `command`
    is what understands `serve` and the other commands.
    """

    def __init__(
        self,
        config: Mapping[str, Any] | str,
        folder: Path,
        env: Mapping[str, str] | None = None,
        command: tuple[str, ...] = COMMAND,
    ) -> None:
        self.config_file = folder / "gateway.yaml"
        self.journal = folder / "journal.db"
        self.log_file = folder / "gateway.log"
        self.env = dict(env or {})
        self.wallet_url = ""
        self.operators_url = ""
        """Empty where there is no listener for operators."""
        self.admin_url = ""
        self._folder = folder
        self.program = command
        """May be another from the next start on."""
        self._process: asyncio.subprocess.Process | None = None
        self.configure(config)

    def configure(self, config: Mapping[str, Any] | str) -> None:
        """Writes the configuration; a running gateway goes on with its own until `reload`."""
        if not isinstance(config, str):
            ours: dict[str, Any] = {
                "server": {"host": "127.0.0.1", "port": 0},
                "admin": {"port": 0},
                "journal": {"url": f"sqlite:///{self.journal}"},
            }
            whole = {**config, **{name: {**own, **config.get(name, {})} for name, own in ours.items()}}
            config = yaml.safe_dump(whole, sort_keys=False)
        self.config_file.write_text(config)

    async def start(self, *, crash_at: str = "") -> None:
        """Returns once both listeners accept. Raises `DiedAtStart`. `crash_at`: see `gateway.crashpoints`."""
        assert not self.running
        armed = {ENVIRONMENT: crash_at} if crash_at else {}
        with self.open_log() as log:
            self._process = await asyncio.create_subprocess_exec(
                *self.program,
                "serve",
                "--config",
                str(self.config_file),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                cwd=self._folder,
                env={**os.environ, **self.env, **armed},
            )
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            words = (await self._process.stdout.readline()).decode().replace(",", "").split()
        if not words:
            raise DiedAtStart(await self.ended(), self.log)
        self.wallet_url, *operators, self.admin_url = (word for word in words if word.startswith("http"))
        self.operators_url = "".join(operators)

    def open_log(self) -> IO[bytes]:
        """Where its standard error goes."""
        return self.log_file.open("ab")

    async def stop(self) -> int:
        """Asks it to stop, and returns its exit status."""
        self.send_signal(signal.SIGTERM)
        return await self.ended()

    async def kill(self) -> None:
        """Ends it as a power cut would, from the process's point of view."""
        self.send_signal(signal.SIGKILL)
        await self.ended()

    async def ended(self) -> int:
        """Waits for its end, however that comes, and returns its exit status: negative for a signal."""
        assert self._process is not None
        async with asyncio.timeout(PATIENCE_S):
            await self._process.communicate()
            return await self._process.wait()

    def send_signal(self, sign: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(sign)

    async def reload(self, *, refused: bool = False) -> None:
        """Has it read its configuration again, and returns once it has taken it up, or refused it."""
        event = "reload refused: nothing has changed" if refused else "reloaded"
        before = len(self.logged(event))
        self.send_signal(signal.SIGHUP)
        async with asyncio.timeout(PATIENCE_S):
            while len(self.logged(event)) == before:
                await asyncio.sleep(0.01)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def worker_pids(self) -> list[int]:
        """The process ids of its workers, if it has some."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="ascii").split()
        return [int(pid) for pid in children if b"gateway.runtime.workers" in _command_of(pid)]

    @property
    def log(self) -> str:
        """All that it has written so far, over all its starts."""
        return self.log_file.read_text(errors="replace")

    def logged(self, event: str) -> list[dict[str, Any]]:
        """The log's entries of that event."""
        lines = (line for line in self.log.splitlines(keepends=True) if line.startswith("{") and line.endswith("}\n"))
        return [entry for entry in map(json.loads, lines) if entry["event"] == event]

    async def metrics(self) -> str:
        """What `/metrics` shows."""
        async with aiohttp.ClientSession() as client, client.get(f"{self.admin_url}/metrics") as answer:
            return await answer.text()

    async def command(self, *words: str) -> tuple[int, str]:
        """Another command with the same configuration, beside it: exit status and all output."""
        process = await asyncio.create_subprocess_exec(
            *self.program,
            *words,
            "--config",
            str(self.config_file),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=self._folder,
            env={**os.environ, **self.env},
        )
        output, _ = await process.communicate()
        return await process.wait(), output.decode()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.running:
            await self.kill()


def _command_of(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it has ended
        return b""
