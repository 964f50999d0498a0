"""One target under the coverage-guided fuzzer: `python -m tests.fuzz.coverage_guided TARGET [libFuzzer's options]`.

It runs in an environment of its own (tests/fuzz/requirements.txt). Our packages are instrumented; what is compiled
(jiter, pydantic-core, llhttp) is not, so that only what we make of its results leads the search.
"""

from __future__ import annotations

import importlib
import sys


def main() -> None:
    name, options = sys.argv[1], sys.argv[2:]
    atheris = importlib.import_module("atheris")  # not installed where types are checked
    with atheris.instrument_imports(include=["gateway", "adapters"]):
        targets = importlib.import_module("tests.fuzz.targets")
    atheris.Setup([sys.argv[0], *options], targets.TARGETS[name].check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
