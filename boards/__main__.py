"""`python -m boards`: writes `config/grafana` and the tables of `docs/boards.md`."""

from __future__ import annotations

import argparse

from boards.files import DOCS, ROOT, generated


def main() -> None:
    """Writes every generated file."""
    arguments = argparse.ArgumentParser(prog="python -m boards", description=main.__doc__)
    arguments.add_argument(
        "--docs", default=DOCS, metavar="URL", help="where the folder docs can be read: links begin so"
    )
    files = generated(arguments.parse_args().docs.rstrip("/"))
    for path, text in files.items():
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(text, encoding="utf-8")
    print(f"make boards: {len(files)} files written")


if __name__ == "__main__":
    main()
