"""Every file that is generated, with its text."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from boards import page, provisioning
from boards.catalogue import BOARDS
from boards.grafana import to_json

ROOT: Final = Path(__file__).parents[1]
FOLDER: Final = Path("config/grafana")
RUNBOOKS: Final = "/public/runbooks"
"""Where Grafana itself gives them out: config/compose puts the folder docs/runbooks there."""


def generated(runbooks: str = RUNBOOKS) -> dict[Path, str]:
    """The text of each generated file, by its path in the repository; `runbooks` is where they can be read."""
    dashboards = {FOLDER / "dashboards" / f"{board.name}.json": to_json(board, runbooks) for board in BOARDS}
    settings = {FOLDER / name: provisioning.to_yaml(content) for name, content in provisioning.FILES.items()}
    return dashboards | settings | {page.PATH: page.with_tables((ROOT / page.PATH).read_text(encoding="utf-8"))}
