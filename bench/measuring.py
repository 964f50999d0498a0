"""Measuring: contestants take turns against one game and one operator, and ratios are taken turn by turn."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from bench.contestants.contestant import Contestant, Missing, Place, Running
from bench.cores import Cores
from bench.load.http import get_answered
from bench.processes import Failed, Program
from bench.results import Played
from bench.sizes import Sizes

WARM_UP_S: Final = 1.0


class Operator:
    """The operator at the far side of all contestants."""

    def __init__(self, cores: Cores, home: Path, *, hangs: bool = False) -> None:
        command = [sys.executable, "-m", "bench.load.operator", *(["--hang"] if hangs else [])]
        self.program = Program(command, {cores.load}, home / "operator.log", piped=True)
        self.port = int(self.program.out.readline())

    def answered(self) -> int:
        """How many calls it has answered so far."""
        return get_answered(self.port)


class Bench:
    """All that a scenario measures with. `say` tells the person who waits what is going on."""

    def __init__(self, cores: Cores, home: Path, bench_python: Path, sizes: Sizes) -> None:
        self.cores = cores
        self.home = home
        self.sizes = sizes
        self.operator = Operator(cores, home)
        self.place = Place(cores, home, self.operator.port, bench_python)
        self.missing: list[str] = []

    def close(self) -> None:
        self.operator.program.stop()

    @contextmanager
    def running(self, contestants: Sequence[Contestant]) -> Iterator[list[Running]]:
        """Those that can be had on this machine, each ready; the others are noted in `missing`."""
        with ExitStack() as stack:
            started = []
            for contestant in contestants:
                try:
                    running = contestant.start(self.place)
                except Missing as why:
                    self.missing.append(f"{contestant.title}: {why}")
                    continue
                stack.callback(running.program.stop)
                started.append(running._replace(name=contestant.name))
            yield started

    def take_turns(self, runners: Sequence[Running], flow: str) -> dict[str, list[Played]]:
        """Every contestant's runs, in the order of the rounds. Odd rounds go backwards, so that nobody is always
        first."""
        for running in runners:
            self.play(running, flow, seconds=min(WARM_UP_S, self.sizes.seconds))
        runs: dict[str, list[Played]] = {running.name: [] for running in runners}
        for number in range(self.sizes.rounds):
            for running in runners if number % 2 == 0 else reversed(runners):
                runs[running.name].append(self.play(running, flow))
        return runs

    def play(
        self, running: Running, flow: str, *, seconds: float | None = None, connections: int = 64,
        rate: float | None = None, username: str = "quantum",
    ) -> Played:  # fmt: skip
        """One run of the game. Raises `Failed` if any call was not answered as it must be."""
        before = running.program.cpu_s(), self.operator.program.cpu_s()
        played = self._played(
            running, "--flow", flow, "--seconds", seconds or self.sizes.seconds, "--connections", connections,
            "--username", username, *([] if rate is None else ["--rate", rate]),
        )  # fmt: skip
        if played["failed"]:
            raise Failed(f"{running.name} failed {played['failed']} of {played['calls']} calls: {played['failures']}")
        calls = played["calls"] + connections  # each began with a session
        contestant_s = running.program.cpu_s() - before[0]
        operator_s = self.operator.program.cpu_s() - before[1]
        return msgspec.convert(
            {
                **played,
                "flow": flow,
                "cpu_us": 1e6 * contestant_s / calls,
                "load_share": played["cpu_share"] + operator_s / calls * played["rate"],
            },
            Played,
        )

    def start_game(self, running: Running, *options: object) -> tuple[Program, str]:
        """A game that plays beside others, and the run that its ids bear."""
        run = secrets.token_hex(4)
        command = [sys.executable, "-m", "bench.load.game", "--port", running.port, "--run", run, *options]
        words = [str(word) for word in command]
        return Program(words, {self.cores.load}, self.home / "game.log", piped=True), run

    def _played(self, running: Running, *options: object) -> dict[str, Any]:
        game, run = self.start_game(running, *options)
        with game:
            said = game.out.read()
        if not said:
            raise Failed(f"the game against {running.name} broke off: {game.said()}; {running.program.said()}")
        return {**msgspec.json.decode(said), "run": run}
