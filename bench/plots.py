"""Draws results.json. It runs in the bench's own environment, where matplotlib is installed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
import matplotlib.pyplot as plt

OURS = "#c1502e"
OTHERS = "#5b7083"


def rates(outcome: dict[str, Any], path: Path) -> None:
    """Draws each contestant's calls a second, on a logarithmic axis: the largest is hundreds of times the smallest."""
    figures = sorted(outcome["figures"], key=lambda figure: figure["rate"])
    names = [figure["contestant"] for figure in figures]
    values = [figure["rate"] for figure in figures]
    drawing, axes = plt.subplots(figsize=(7, 0.45 * len(figures) + 1), layout="constrained")
    bars = axes.barh(names, values, color=[OURS if name == "gateway" else OTHERS for name in names])
    axes.bar_label(bars, [f"{value:,.0f}" for value in values], padding=4)
    axes.set_xscale("log")
    axes.margins(x=0.15)
    axes.set_title(f"{outcome['scenario']}: calls a second on one core")
    axes.spines[["top", "right"]].set_visible(False)
    drawing.savefig(path, metadata={"Date": None})
    plt.close(drawing)


def main() -> None:
    """Reads the file that the command line names, and draws into the folder that it names."""
    source, folder = Path(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(exist_ok=True)
    mpl.rcParams["svg.hashsalt"] = "bench"
    for outcome in json.loads(source.read_text(encoding="utf-8"))["outcomes"]:
        if len(outcome["figures"]) > 1:
            rates(outcome, folder / f"{outcome['scenario']}.svg")


if __name__ == "__main__":
    main()
