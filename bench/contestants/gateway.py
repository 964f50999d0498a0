"""Starts the gateway itself, as it ships, with everything on."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

from adapters.hub88.sandbox_key import SANDBOX_KEY
from bench.contestants.contestant import HERE, Contestant, Place, RunningContestant
from bench.load.flows import PASSWORD
from bench.processes import Program, free_port, run

PROGRAM: Final = Path(sys.executable).with_name("mm-gateway")


def configuration(
    *, port: int, admin_port: int, journal: str, operator: int, hanging: int = 9, workers: int = 1
) -> str:
    """The gateway's configuration. `operator` and `hanging` are ports of one that answers and of one that does not."""
    template = (HERE / "ours/gateway.yaml").read_text(encoding="utf-8")
    return template.format(
        port=port, admin_port=admin_port, journal=journal, operator=operator, hanging=hanging, workers=workers,
        password=PASSWORD, key=json.dumps(SANDBOX_KEY),
    )  # fmt: skip


def gateway(
    journal: str, *, name: str = "gateway", title: str = "this gateway", second_core: bool = False, hanging: int = 9,
    workers: int = 1,
) -> Contestant:  # fmt: skip
    """The gateway over the journal of this URL. `hanging` is the port of an operator that never answers."""

    def start(place: Place) -> RunningContestant:
        port = free_port()
        config = place.home / f"{name}.yaml"
        words = configuration(
            port=port, admin_port=free_port(), journal=journal, operator=place.operator_port, hanging=hanging,
            workers=workers,
        )  # fmt: skip
        config.write_text(words, encoding="utf-8")
        if not journal.startswith("sqlite:"):
            run([PROGRAM, "migrate", "--config", config], place.home / "migrate.log")
        cores = place.cores.both if second_core else {place.cores.subject}
        program = Program([PROGRAM, "serve", "--config", config], cores, place.home / f"{name}.log")
        program.wait_until_listening(port)
        return RunningContestant(name, program, port)

    return Contestant(name, title, start)
