"""How many instructions of user code a call costs the gateway, counted by callgrind (valgrind must be installed).

`python -m bench.instructions` prints the count of each flow, with this Python, at 64 connections. A gateway is run
twice, for few flows and for many: the difference of the counts is the flows' alone. Takes some minutes.
"""

from __future__ import annotations

import platform
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

from bench.contestants.gateway import PROGRAM, configuration
from bench.cores import choose
from bench.load.game import Game
from bench.measuring import OperatorProcess
from bench.processes import Program, free_port

CONNECTIONS: Final = 64
FEW: Final = 500
MANY: Final = 2500
FLOWS: Final = ("balance", "rollback")
COLLECTED: Final = re.compile(r"Collected : (\d+)")
START_TIMEOUT_S: Final = 300.0


def instructions(flow: str, operator_port: int) -> int:
    """The instructions of one flow."""
    few, many = (_count_instructions(flow, flows, operator_port) for flows in (FEW, MANY))
    return (many - few) // (MANY - FEW)


def _count_instructions(flow: str, flows: int, operator_port: int) -> int:
    """The instructions of a gateway from its start to its stop, with so many flows in between."""
    with tempfile.TemporaryDirectory() as folder:
        home, port = Path(folder), free_port()
        config, log = home / "gateway.yaml", home / "log"
        journal = f"sqlite:///{home}/journal.db"
        config.write_text(
            configuration(port=port, admin_port=free_port(), journal=journal, operator=operator_port), encoding="utf-8"
        )
        counted = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={home}/out", sys.executable]
        gateway = Program([*counted, PROGRAM, "serve", "--config", config], choose().both, log)
        try:
            gateway.wait_until_listening(port, START_TIMEOUT_S)
            game = Game(port, flow, "quantum", CONNECTIONS, f"{flow:-<8.8}", sessions=True)
            game.play_flows(flows)
            game.finish()
            assert game.failed == 0, game.failures
        finally:
            gateway.stop(START_TIMEOUT_S)
        found = COLLECTED.search(log.read_text(encoding="utf-8", errors="replace"))
        assert found is not None, "callgrind printed no count"
        return int(found[1])


def main() -> None:
    """Prints a line for each flow."""
    if shutil.which("valgrind") is None:
        sys.exit("bench.instructions: valgrind is not installed")
    with tempfile.TemporaryDirectory() as home:
        operator = OperatorProcess(choose(), Path(home))
        try:
            for flow in FLOWS:
                print(f"Python {platform.python_version()}: {flow} {instructions(flow, operator.port):,}")  # noqa: T201 - a command's own output
        finally:
            operator.program.stop()


if __name__ == "__main__":
    main()
