"""Every file that is generated, with its text."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from boards import page, provisioning
from boards.catalogue import BOARDS
from boards.grafana import to_json

ROOT: Final = Path(__file__).parents[1]
FOLDER: Final = Path("config/grafana")
DOCS: Final = "https://mm-gateway.example/docs"
"""Where the folder `docs` can be read, if nothing else is said: an address to replace."""


def generated(docs: str = DOCS) -> dict[Path, str]:
    """The text of each generated file, by its path in the repository; `docs` is where the pages can be read."""
    dashboards = {FOLDER / "dashboards" / f"{board.name}.json": to_json(board, docs) for board in BOARDS}
    settings = {FOLDER / name: provisioning.to_yaml(content) for name, content in provisioning.FILES.items()}
    return dashboards | settings | {page.PATH: page.with_tables((ROOT / page.PATH).read_text(encoding="utf-8"))}
