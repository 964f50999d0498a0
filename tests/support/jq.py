"""jq's command line over its library, which comes as a Python package: no test depends on a program of the machine.

``python tests/support/jq.py -cR PROGRAM FILE…`` knows the options that `docs/logs.md` uses: `-c`, `-r`, `-R`, `-s`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import jq


def run(words: list[str]) -> str:
    """What jq prints."""
    options = {letter for word in words if word.startswith("-") for letter in word[1:]}
    unknown = options - set("crRs")
    assert not unknown, f"not known here: {sorted(unknown)}"
    program, *files = [word for word in words if not word.startswith("-")]
    text = "".join(Path(file).read_text(encoding="utf-8") for file in files)
    assert "R" in options, "here every input is raw"
    inputs = [text] if "s" in options else text.splitlines()
    compiled = jq.compile(program)
    found: list[Any] = [result for each in inputs for result in compiled.input_value(each).all()]
    return "".join(f"{_shown(result, options)}\n" for result in found)


def _shown(result: Any, options: set[str]) -> str:
    if "r" in options and isinstance(result, str):
        return result
    return json.dumps(result, separators=(",", ":")) if "c" in options else json.dumps(result, indent=2)


if __name__ == "__main__":
    sys.stdout.write(run(sys.argv[1:]))
