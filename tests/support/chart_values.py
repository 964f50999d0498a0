"""The table of the chart's values in docs/deploy/kubernetes.md, made from `config/helm/mm-gateway/values.yaml`.

``python -m tests.support.chart_values`` writes it into the page.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import yaml

ROOT: Final = Path(__file__).parents[2]
VALUES: Final = ROOT / "config" / "helm" / "mm-gateway" / "values.yaml"
PAGE: Final = ROOT / "docs" / "deploy" / "kubernetes.md"
BEGIN: Final = "<!-- begin values -->\n"
END: Final = "<!-- end values -->\n"
KEY: Final = re.compile(r"^( *)(\w+):")
COMMENT: Final = re.compile(r"^ *# (.*)$")


class Value(NamedTuple):
    """One value that has a comment above it: its path with dots, its default, and what the comment says."""

    path: str
    default: Any
    says: str


def values() -> list[Value]:
    """All of them, in the order of the file."""
    lines = VALUES.read_text(encoding="utf-8").splitlines()
    defaults = yaml.safe_load("\n".join(lines))
    found: list[Value] = []
    path: list[str] = []
    says = ""
    for line in lines:
        if comment := COMMENT.match(line):
            says = f"{says} {comment[1]}".strip()
        elif key := KEY.match(line):
            path = [*path[: len(key[1]) // 2], key[2]]
            if says:
                found.append(Value(".".join(path), _at(defaults, path), says))
            says = ""
        else:
            says = ""
    return found


def table() -> str:
    """One line for each."""
    rows = [f"| `{value.path}` | {_shown(value.default)} | {_escaped(value.says)} |" for value in values()]
    return "\n".join(["| value | default | what it is |", "|---|---|---|", *rows, ""])


def in_page(page: str) -> str:
    """What the page holds between its marks."""
    return page.partition(BEGIN)[2].partition(END)[0]


def _at(defaults: Any, path: list[str]) -> Any:
    for name in path:
        defaults = defaults[name]
    return defaults


def _shown(default: Any) -> str:
    return f"`{msgspec.json.encode(default).decode()}`" if default not in ("", {}, []) else ""


def _escaped(says: str) -> str:
    return says.replace("|", "\\|")


def main() -> None:
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}{table()}{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
