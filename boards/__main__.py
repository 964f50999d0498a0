"""`python -m boards`: writes `config/grafana` and the tables of `docs/boards.md`."""

from __future__ import annotations

import argparse
import sys

from boards.files import ROOT, RUNBOOKS, generated


def main() -> None:
    """Writes every generated file."""
    arguments = argparse.ArgumentParser(prog="python -m boards", description=main.__doc__)
    arguments.add_argument(
        "--runbooks", default=RUNBOOKS, metavar="URL", help="where docs/runbooks can be read: links begin so"
    )
    files = generated(arguments.parse_args().runbooks.rstrip("/"))
    for path, text in files.items():
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(text, encoding="utf-8")
    sys.stdout.write(f"make boards: {len(files)} files written\n")


if __name__ == "__main__":
    main()
