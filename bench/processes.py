"""The programs that are measured: started on given cores, found by their port, measured, and stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final, Self

START_TIMEOUT_S: Final = 60.0
STOP_TIMEOUT_S: Final = 30.0
_TICK_S: Final = 1 / os.sysconf("SC_CLK_TCK")


class BenchError(Exception):
    """A program did not do what it was started for; the text says which, and what it printed."""


class Program:
    """One program and its children, on `cores`. Its output goes to the file `log`, or through `out` if it is piped."""

    def __init__(
        self,
        command: Sequence[str | Path],
        cores: set[int],
        log: Path,
        *,
        piped: bool = False,
        environ: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.log = log
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if piped else out,
                stderr=out,
                env={**os.environ, **(environ or {})},
                cwd=cwd,
                start_new_session=True,  # so that `stop` can kill its children too
                preexec_fn=lambda: os.sched_setaffinity(0, cores),  # noqa: PLW1509 - the bench has no threads
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def out(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout

    def wait_until_listening(self, port: int, within_s: float = START_TIMEOUT_S) -> None:
        """Returns once it accepts connections. Raises `BenchError`."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.05)
        raise BenchError(f"{self.log.stem} does not listen: {self.log_tail()}")

    def cpu_s(self) -> float:
        """The processor time, in seconds, that it and its children have used so far."""
        return sum(_cpu_s(pid) for pid in self._pids())

    def memory(self) -> int:
        """The private memory of it and its children, in bytes."""
        return sum(_private_memory(pid) for pid in self._pids())

    def log_tail(self) -> str:
        """The last 2,000 characters of its log, and its exit status if it has ended."""
        ended = "" if self._process.poll() is None else f" (ended with {self._process.returncode})"
        return self.log.read_text(errors="replace")[-2000:] + ended

    def stop(self, within_s: float = STOP_TIMEOUT_S) -> None:
        """Sends SIGTERM, and SIGKILL to it and its children if that does not end it in time."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _pids(self) -> Iterator[int]:
        waiting = [self._process.pid]
        while waiting:
            pid = waiting.pop()
            yield pid
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                waiting += map(int, _text(str(children)).split())


def run(command: Sequence[str | Path], log: Path, **options: Any) -> None:
    """Runs a program to its end. Raises `BenchError` if its exit status is not 0."""
    with log.open("ab") as out:
        done = subprocess.run([str(part) for part in command], check=False, stdout=out, stderr=out, **options)
    if done.returncode:
        raise BenchError(f"{command[0]} failed: {log.read_text(errors='replace')[-2000:]}")


def free_port() -> int:
    """A free port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _cpu_s(pid: int) -> float:
    after_name = _text(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) * _TICK_S if after_name else 0.0


def _private_memory(pid: int) -> int:
    words = _text(f"/proc/{pid}/smaps_rollup").split()
    kinds = ("Private_Clean:", "Private_Dirty:")
    return 1024 * sum(int(words[words.index(kind) + 1]) for kind in kinds if kind in words)


def _text(path: str) -> str:
    """The text of a file in /proc; empty once the process has ended."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
