"""A real PgBouncer, from Debian's package, before a server that a test chooses."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from tests.support.programs import program

CONFIGURATION: Final = """
[databases]
* = host=127.0.0.1 port={server_port} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
ignore_startup_parameters = extra_float_digits
server_login_retry = 0.2
"""
START_TIMEOUT_S: Final = 10.0


class PgBouncer:
    """Listens on `port` of 127.0.0.1."""

    def __init__(self, folder: Path, port: int, mode: str) -> None:
        self.port = port
        self._mode = mode
        self._file = folder / "pgbouncer.ini"
        self._process: asyncio.subprocess.Process | None = None

    def point_to(self, server_port: int) -> None:
        """From now on connections to servers are made there."""
        self._file.write_text(CONFIGURATION.format(port=self.port, server_port=server_port, mode=self._mode))
        self._file.chmod(0o644)
        if self._process is not None:
            self._process.send_signal(signal.SIGHUP)

    async def start(self) -> None:
        # It refuses to run as root.
        user = ("-u", "nobody") if os.geteuid() == 0 else ()
        command = (str(program("pgbouncer")), "-q", *user, str(self._file))
        self._process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
        async with asyncio.timeout(START_TIMEOUT_S):
            while not await _answers(self.port):
                await asyncio.sleep(0.02)

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


@asynccontextmanager
async def pgbouncer(server_port: int, mode: str = "transaction") -> AsyncIterator[PgBouncer]:
    """One that runs, before the server at that port. `mode` is when a client's server connection is given back."""
    folder = _reachable_folder()
    pooler = PgBouncer(folder, _free_port(), mode)
    pooler.point_to(server_port)
    try:
        await pooler.start()
        yield pooler
    finally:
        await pooler.stop()
        shutil.rmtree(folder)


def _reachable_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="pgbouncer-", dir="/tmp"))  # another user must reach it
    folder.chmod(0o755)
    return folder


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


def _free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
    return port
