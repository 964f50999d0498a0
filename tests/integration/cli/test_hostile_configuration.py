"""The program before a hostile configuration: a line that says what is wrong, in bounded memory."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from gateway.settings.files import MAX_FILE
from tests.support.commands import PROGRAM

LIMIT = 600 * 1024 * 1024
"""Bytes of address space: twice what the command takes."""

BOMB = "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 9))
PLAIN = "operators:\n  acme:\n    adapter: quantum\n    credentials: [{username: a, password: PLACE}]\n"


def check(config: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["prlimit", f"--as={LIMIT}", PROGRAM, "check", "--config", config],
        input=stdin,
        capture_output=True,
        timeout=120,
        check=False,
    )


PASSWORD = ":4:43: operators.acme.credentials[0].password: the file"
IRREGULAR = "cannot be read: it is not a regular file"


@pytest.mark.parametrize(
    "text, said",
    [
        (BOMB, ":6:1: is too large or too deeply nested, or an alias contains itself"),
        (PLAIN.replace("PLACE", "'${file:/dev/zero}'"), f"{PASSWORD} /dev/zero {IRREGULAR}"),
        (PLAIN.replace("PLACE", "'${file:PIPE}'"), f"{PASSWORD} PIPE {IRREGULAR}"),
        ("#" * (MAX_FILE + 1), ":1:1: cannot be read: it is larger than 1 MiB"),
    ],
)
def test_one_line_says_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    config = tmp_path / "gateway.yaml"
    config.write_text(text.replace("PIPE", str(pipe)))
    ended = check(str(config))
    assert ended.returncode == 2
    assert f"mm-gateway: {config}{said.replace('PIPE', str(pipe))}" in ended.stderr.decode().splitlines()


@pytest.mark.parametrize("place", ["/dev/zero", "/dev/urandom"])
def test_a_configuration_is_a_file(place: str) -> None:
    ended = check(place)
    assert ended.returncode == 2
    assert ended.stderr.decode() == f"mm-gateway: {place}:1:1: {IRREGULAR}\n"


def test_a_configuration_may_come_through_a_pipe_and_is_bounded_there_too() -> None:
    assert b"/dev/stdin:1:1: is empty; write at least one operator" in check("/dev/stdin", b"# nothing\n").stderr
    assert b"it is larger than 1 MiB" in check("/dev/stdin", b"#" * (MAX_FILE + 1)).stderr
