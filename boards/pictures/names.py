"""Where dashboards lie, and where their pictures go."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
DASHBOARDS: Final = ROOT / "config/grafana/dashboards"
PICTURES: Final = ROOT / "docs/boards"
