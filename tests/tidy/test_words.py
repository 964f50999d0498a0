"""Words that must not stand anywhere: marks of unfinished work, this machine's paths, registries' hosts."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.tidy.tree import ROOT, modules, texts

UNFINISHED = re.compile(
    r"\b(TO[D]O|FIX[M]E|(?<![\"`=])X[X]X|HA[C]K|NotImplemented[E]rror|mark\.s[k]ip\w*|pytest\.s[k]ip|xf[a]il)\b"
)
"""In quotes or as a parameter's value the three letters are ISO 4217's code for no currency."""
SILENCED = re.compile(r"# (type: [i]gnore|no[q]a)(?!\S* *[A-Z0-9, ]*(-|#) \w)", re.IGNORECASE)
ANYBODY_S = {"/", "/app", "/opt", "/src", "/srv", "/tmp", "/usr", "/var"}
"""Where a checkout may lie as well, and of which a file may speak for reasons of its own."""
PLACE = "" if ANYBODY_S & {str(ROOT.parent), *map(str, ROOT.parents[:-1])} else f"{re.escape(str(ROOT.parent))}/|"
MACHINE = re.compile(rf"{PLACE}/(root|home|Users)/\w|\.p[y]env")
REGISTRY = re.compile(r'index-[u]rl|files\.python[h]osted|registry\.npm[j]s|"reso[l]ved": *"http|regis[t]ry *= *"?http')


def offenders(pattern: re.Pattern[str]) -> Iterator[str]:
    for path, text in texts():
        for number, line in enumerate(text.splitlines(), 1):
            if pattern.search(line):
                yield f"{path}:{number}: {line.strip()[:100]}"


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param(UNFINISHED, id="unfinished work"),
        pytest.param(SILENCED, id="a silenced check without its reason"),
        pytest.param(MACHINE, id="a path of one machine"),
        pytest.param(REGISTRY, id="a registry's address"),
    ],
)
def test_no_file_holds(pattern: re.Pattern[str]) -> None:
    assert list(offenders(pattern)) == []


def test_every_module_of_the_gateway_says_what_it_is_for() -> None:
    silent = [
        str(path)
        for path, source in modules("gateway", "adapters")
        if source.strip() and ast.get_docstring(ast.parse(source)) is None
    ]
    assert silent == []
