"""The configuration: used whole, or refused with problems that have a place, a text in one line, and no secret."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel

from adapters.hub88 import Hub88
from adapters.quantum import Quantum
from gateway.settings import Loaded, SettingsError, json_schema
from gateway.settings.loader import parse

SECRET: Final = "c0rrect-h0rse"
ENVIRON: Final = {"SECRET": SECRET, "EMPTY": "", "NUMBER": "5"}
ADAPTERS: Final[dict[str, type[BaseModel]]] = {"hub88": Hub88.Settings, "quantum": Quantum.Settings}
OFF_LIMITS: Final = ("/dev", "/proc", "/sys", "..")
"""Where reading a file may never end, or is not ours to do."""

KEYS: Final = {key for part in json_schema({})["$defs"].values() for key in part.get("properties", {})}

WORDS: Final = (
    *(f"{key}: ".encode() for key in sorted(KEYS)),
    b"operators:\n  acme:\n    ",
    b"adapter: quantum",
    b"settings: {base_url: 'https://w.example/', username: u, password: p}",
    b"credentials: [{username: a, password: b-of-the-game}]",
    b"${SECRET}",
    b"${NOT_SET}",
    b"${NOT_SET:-x}",
    b"${file:nothing}",
    b"${",
    b"$$",
    b"5s",
    b"64KiB",
    b"10.0.0.0/8",
    b"!!int ",
    b"!!binary ",
    b"!!python/object:os.system ",
    b"2026-01-01",
    b"0o17",
    b"190:20:30",
    b"9999999999999999999",
    b".inf",
    b".nan",
    b"&a ",
    b"*a",
    b"<<: *a",
    b"<<: [*a, *a]",
    b"? ",
    b"- ",
    b"|\n",
    b">-\n",
    b"\n",
    b"\n  ",
    b"\n    ",
    b"\t",
    b"---\n",
    b"x" * 300,
    b"%YAML 1.2\n",
    b"\xef\xbb\xbf",
    b"\x00",
    b"\xc2\x85",
    b"\xe2\x80\xa8",
    b'"\\u0000"',
    b'"\\ud800"',
)


def check(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    if any(place in text for place in OFF_LIMITS):
        return
    try:
        loaded = parse(text, "gateway.yaml", ENVIRON, ADAPTERS.__getitem__)
    except SettingsError as error:
        _can_be_shown(error, text)
    else:
        _can_be_used(loaded)


def _can_be_used(loaded: Loaded) -> None:
    assert loaded.settings.operators
    assert SECRET not in repr(loaded.settings)
    for advice in loaded.advice:
        assert SECRET not in str(advice)


def _can_be_shown(error: SettingsError, text: str) -> None:
    assert error.problems
    assert SECRET not in str(error) or SECRET in text
    last = len(text.splitlines()) + 1
    for problem in error.problems:
        assert problem.text
        assert str(problem).isprintable(), problem
        assert 1 <= problem.mark.line <= last
        assert problem.mark.column >= 1
