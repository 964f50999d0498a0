"""The game: connections that call as fast as they are answered, or at a given rate however fast the answers come.

`python -m bench.load.game` prints its `tally` as JSON. Every answer is read whole and checked. At a given rate calls
are due at random moments (a Poisson process). A latency counts from the moment at which the call was due, so that a
stall is part of the latency of every call that it delays.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import select
import socket
import sys
import time
from array import array
from collections import deque
from typing import Any, Final

from bench.load.flows import Step, steps, transfer_id, verify_session
from bench.load.http import whole_length

ANSWER_TIMEOUT_S: Final = 30.0
KEPT_FAILURES: Final = 5


class Caller:
    """One connection. `began` is when its present call was due, `piece` the part of its answer that has come."""

    __slots__ = ("began", "id", "piece", "position", "socket", "steps")

    def __init__(self, port: int, flow: tuple[Step, ...]) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), ANSWER_TIMEOUT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.steps = flow
        self.position = 0
        self.id = b""
        self.began = 0.0
        self.piece = b""

    def once(self, request: bytes) -> bytes:
        """Sends the request, waits, and returns the whole answer."""
        self.socket.sendall(request)
        answer = b""
        while len(answer) < (whole_length(answer) or len(answer) + 1):
            piece = self.socket.recv(65536)
            if not piece:
                raise ConnectionResetError("the connection was closed instead of an answer")
            answer += piece
        return answer


class Game:
    """Plays a flow again and again until its time is over, then waits for the missing answers."""

    def __init__(self, port: int, flow: str, username: str, connections: int, run: str, *, sessions: bool) -> None:
        self._run = run
        self._epoll = select.epoll()
        self._callers: dict[int, Caller] = {}
        self._idle: deque[Caller] = deque()
        self._next = 0
        self._under_way = 0
        self.latencies_s = array("d")
        self.failed_ids: list[str] = []
        self.failures: list[str] = []
        self.failed = 0
        for number in range(connections):
            token = f"bench-session-{number:04d}"
            caller = Caller(port, steps(flow, username, token))
            if sessions:
                self._expect_ok(caller.once(verify_session(username, token)), b"playerId")
            self._callers[caller.socket.fileno()] = caller
            self._epoll.register(caller.socket.fileno(), select.EPOLLIN)
            self._idle.append(caller)

    def play_flat_out(self, seconds: float) -> float:
        """Every connection calls again as soon as it is answered. Returns when the last call may have begun."""
        end = time.perf_counter() + seconds
        while self._idle:
            self._begin(self._idle.popleft(), time.perf_counter())
        while time.perf_counter() < end:
            for caller in self._read_answers(ANSWER_TIMEOUT_S):
                self._begin(caller, time.perf_counter())
        return end

    def play_flows(self, flows: int) -> None:
        """Every connection calls again as soon as it is answered, until so many flows have begun."""
        while self._idle:
            self._begin(self._idle.popleft(), time.perf_counter())
        while self._next < flows:
            for caller in self._read_answers(ANSWER_TIMEOUT_S):
                self._begin(caller, time.perf_counter())

    def play_at_rate(self, rate: float, seconds: float, chance: random.Random) -> float:
        """Begins `rate` flows a second. Returns when the last call may have begun."""
        due = time.perf_counter()
        end = due + seconds
        waiting: deque[float] = deque()
        while (now := time.perf_counter()) < end:
            while due <= now:
                waiting.append(due)
                due += chance.expovariate(rate)
            while waiting and self._idle:
                self._begin(self._idle.popleft(), waiting.popleft())
            self._idle.extend(self._read_answers(max(0.0, due - time.perf_counter())))
        return end

    def finish(self) -> None:
        """Waits until every flow that was begun has ended. Raises `TimeoutError` if answers are missing."""
        while self._under_way:
            if (
                not list(self._read_answers(ANSWER_TIMEOUT_S))
                and self._under_way
                and not self._epoll.poll(ANSWER_TIMEOUT_S)
            ):
                raise TimeoutError(f"{self._under_way} calls were not answered in {ANSWER_TIMEOUT_S:.0f} s")

    @property
    def begun(self) -> int:
        """How many flows were begun; their ids are numbered from 0."""
        return self._next

    def _begin(self, caller: Caller, due: float) -> None:
        caller.position = 0
        caller.id = transfer_id(self._run, self._next)
        self._next += 1
        self._under_way += 1
        self._send(caller, due)

    @staticmethod
    def _send(caller: Caller, due: float) -> None:
        caller.began = due
        caller.socket.send(caller.steps[caller.position].request(caller.id))

    def _read_answers(self, timeout_s: float) -> Any:
        """Reads what has come in; yields the connections whose flow has ended."""
        for fd, _ in self._epoll.poll(timeout_s):
            caller = self._callers[fd]
            answer = caller.piece + caller.socket.recv(65536)
            length = whole_length(answer)
            if length == 0 or len(answer) < length:
                if answer == caller.piece:
                    raise ConnectionResetError(f"the connection was closed instead of an answer: {answer!r}")
                caller.piece = answer
                continue
            caller.piece = b""
            now = time.perf_counter()
            self.latencies_s.append(now - caller.began)
            step = caller.steps[caller.position]
            self._expect_ok(answer, b'"balance"' if step.after is None else caller.id, caller)
            caller.position += 1
            if caller.position < len(caller.steps):
                self._send(caller, now)
            else:
                self._under_way -= 1
                yield caller

    def _expect_ok(self, answer: bytes, needed: bytes, caller: Caller | None = None) -> None:
        if answer.startswith(b"HTTP/1.1 200") and needed in answer:
            return
        self.failed += 1
        if caller is not None:
            self.failed_ids.append(caller.id.decode())
        if len(self.failures) < KEPT_FAILURES:
            self.failures.append(answer.decode(errors="replace"))


def quantile(ordered: list[float], share: float) -> float:
    """The value below which a share of the ordered values lies."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def tally(game: Game, began: float, end: float, calls_until_end: int, cpu_s: float) -> dict[str, Any]:
    """The game's figures. `cpu_share` is the share of its core that the game itself needed."""
    ordered = sorted(game.latencies_s)
    return {
        "calls": len(ordered),
        "begun": game.begun,
        "failed": game.failed,
        "failures": game.failures,
        "failed_ids": game.failed_ids,
        "rate": calls_until_end / (end - began),
        "cpu_share": cpu_s / (end - began),
        **{f"p{name}_ms": 1000 * quantile(ordered, share) for name, share in (("50", 0.5), ("90", 0.9), ("99", 0.99))},
        "max_ms": 1000 * ordered[-1],
    }


def main() -> None:
    """Plays as the command line says, and prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--flow", required=True)
    parser.add_argument("--run", required=True, help="8 characters that begin every id")
    parser.add_argument("--username", default="quantum")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--rate", type=float, help="flows a second; without it, as fast as the answers come")
    parser.add_argument("--no-sessions", action="store_true", help="verify no session first")
    given = parser.parse_args()
    game = Game(given.port, given.flow, given.username, given.connections, given.run, sessions=not given.no_sessions)
    # A collection in the game would count as latency of the contestant.
    gc.freeze()
    gc.disable()
    began, cpu_before = time.perf_counter(), time.process_time()
    if given.rate is None:
        end = game.play_flat_out(given.seconds)
    else:
        end = game.play_at_rate(given.rate, given.seconds, random.Random(given.run))  # noqa: S311 - arrivals, no secrets
    calls, cpu_s = len(game.latencies_s), time.process_time() - cpu_before
    game.finish()
    json.dump(tally(game, began, end, calls, cpu_s), sys.stdout)


if __name__ == "__main__":
    main()
