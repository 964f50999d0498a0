"""Measuring: contestants take turns against one game and one operator, and ratios are taken turn by turn."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from bench.contestants.contestant import Contestant, ContestantMissing, Place, RunningContestant
from bench.cores import Cores
from bench.load.http import get_answered
from bench.processes import BenchError, Program
from bench.results import GameRun
from bench.sizes import Sizes

WARM_UP_S: Final = 1.0


class OperatorProcess:
    """The operator behind all contestants: a process of `bench.load.operator`."""

    def __init__(self, cores: Cores, home: Path, *, hangs: bool = False) -> None:
        command = [sys.executable, "-m", "bench.load.operator", *(["--hang"] if hangs else [])]
        self.program = Program(command, {cores.load}, home / "operator.log", piped=True)
        self.port = int(self.program.out.readline())

    def answered(self) -> int:
        """How many calls it has answered so far."""
        return get_answered(self.port)


class Bench:
    """What a scenario measures with: the cores, the operator, the sizes, and a folder for files."""

    def __init__(self, cores: Cores, home: Path, bench_python: Path, sizes: Sizes) -> None:
        self.cores = cores
        self.home = home
        self.sizes = sizes
        self.operator = OperatorProcess(cores, home)
        self.place = Place(cores, home, self.operator.port, bench_python)
        self.missing: list[str] = []

    def close(self) -> None:
        self.operator.program.stop()

    @contextmanager
    def running(self, contestants: Sequence[Contestant]) -> Iterator[list[RunningContestant]]:
        """Starts those that are installed on this machine, and stops them after the block. The others are added to
        `missing`."""
        with ExitStack() as stack:
            started = []
            for contestant in contestants:
                try:
                    running = contestant.start(self.place)
                except ContestantMissing as why:
                    self.missing.append(f"{contestant.title}: {why}")
                    continue
                stack.callback(running.program.stop)
                started.append(running._replace(name=contestant.name))
            yield started

    def take_turns(self, runners: Sequence[RunningContestant], flow: str) -> dict[str, list[GameRun]]:
        """Every contestant's runs, in the order of the rounds."""
        # Odd rounds go backwards, so that no contestant is always the first after a pause.
        for running in runners:
            self.play(running, flow, seconds=min(WARM_UP_S, self.sizes.seconds))
        runs: dict[str, list[GameRun]] = {running.name: [] for running in runners}
        for number in range(self.sizes.rounds):
            for running in runners if number % 2 == 0 else reversed(runners):
                runs[running.name].append(self.play(running, flow))
        return runs

    def play(
        self, running: RunningContestant, flow: str, *, seconds: float | None = None, connections: int = 64,
        rate: float | None = None, username: str = "quantum",
    ) -> GameRun:  # fmt: skip
        """One run of the game. Raises `BenchError` if any call was not answered as it must be."""
        before = running.program.cpu_s(), self.operator.program.cpu_s()
        played = self._play_game(
            running, "--flow", flow, "--seconds", seconds or self.sizes.seconds, "--connections", connections,
            "--username", username, *([] if rate is None else ["--rate", rate]),
        )  # fmt: skip
        if played["failed"]:
            raise BenchError(
                f"{running.name} failed {played['failed']} of {played['calls']} calls: {played['failures']}"
            )
        calls = played["calls"] + connections  # each connection began with verifySession
        contestant_s = running.program.cpu_s() - before[0]
        operator_s = self.operator.program.cpu_s() - before[1]
        return msgspec.convert(
            {
                **played,
                "flow": flow,
                "cpu_us": 1e6 * contestant_s / calls,
                "load_share": played["cpu_share"] + operator_s / calls * played["rate"],
            },
            GameRun,
        )

    def start_game(self, running: RunningContestant, *options: object) -> tuple[Program, str]:
        """Starts a game that plays beside others. Returns it, and the run that its ids end with."""
        run = secrets.token_hex(4)
        command = [sys.executable, "-m", "bench.load.game", "--port", running.port, "--run", run, *options]
        words = [str(word) for word in command]
        return Program(words, {self.cores.load}, self.home / "game.log", piped=True), run

    def _play_game(self, running: RunningContestant, *options: object) -> dict[str, Any]:
        game, run = self.start_game(running, *options)
        with game:
            said = game.out.read()
        if not said:
            raise BenchError(
                f"the game against {running.name} broke off: {game.log_tail()}; {running.program.log_tail()}"
            )
        return {**msgspec.json.decode(said), "run": run}
