"""Runs targets under the coverage-guided fuzzer, each in a process of its own, and reads what came of it."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path
from typing import Final, NamedTuple

from tests.fuzz.target import Target

ROOT: Final = Path(__file__).parents[2]
PYTHON: Final = ROOT / ".venv-fuzz" / "bin" / "python"
KEPT: Final = ROOT / ".fuzz"
SLOWEST_S: Final = 10
MEMORY_MB: Final = 1024
DONE: Final = re.compile(r"^stat::number_of_executed_units: (\d+)$", re.MULTILINE)
PEAK: Final = re.compile(r"^stat::peak_rss_mb: +(\d+)$", re.MULTILINE)
INTERRUPTED: Final = "libFuzzer: run interrupted"
SHOWN_LINES: Final = 40


class Ran(NamedTuple):
    """How many inputs a target took; `finding` is what was said of the one that it fell over, or of why the run broke
    off, empty if all of them passed."""

    name: str
    inputs: int
    took_s: float
    peak: str
    finding: str

    def __str__(self) -> str:
        came = f"{self.inputs:>9} inputs in {self.took_s:6.0f} s, {self.peak}"
        return f"{self.name:<18} {came}, {self.outcome}"

    @property
    def outcome(self) -> str:
        if INTERRUPTED in self.finding:
            return "INTERRUPTED"
        return "FINDING" if self.finding else "no finding"


def run(target: Target, runs: int) -> Ran:
    """One target. Inputs that reach something new are kept in `.fuzz`, where the next run begins with them."""
    begun = time.monotonic()
    ended = subprocess.run(
        _command(target, runs),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    said = ended.stdout
    (KEPT / f"{target.name}.log").write_text(said, encoding="utf-8")
    done, peak = DONE.search(said), PEAK.search(said)
    finding = "" if ended.returncode == 0 else "\n".join(said.splitlines()[-SHOWN_LINES:])
    return Ran(
        target.name,
        int(done[1]) if done else 0,
        time.monotonic() - begun,
        f"{peak[1]} MB at most" if peak else "memory unknown",
        finding,
    )


def _command(target: Target, runs: int) -> list[str | Path]:
    found, words = KEPT / "corpus" / target.name, KEPT / f"{target.name}.dict"
    found.mkdir(parents=True, exist_ok=True)
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in target.words), encoding="ascii")
    return [
        PYTHON,
        "-m",
        "tests.fuzz.coverage_guided",
        target.name,
        f"-runs={runs}",
        f"-max_len={target.longest}",
        f"-dict={words}",
        f"-timeout={SLOWEST_S}",
        f"-rss_limit_mb={MEMORY_MB}",
        f"-artifact_prefix={KEPT / target.name}-",
        "-print_final_stats=1",
        "-verbosity=1",
        found,
        target.corpus,
    ]


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)
