"""The pages of docs/deploy: their text, and the commands that they print."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parents[2] / "docs" / "deploy"
SHELL: Final = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def page(name: str) -> str:
    """The text of `docs/deploy/NAME.md`."""
    return (FOLDER / f"{name}.md").read_text(encoding="utf-8")


def pages() -> str:
    """The text of all of them, one after the other."""
    return "\n".join(page(path.stem) for path in sorted(FOLDER.glob("*.md")))


def shell_blocks(text: str) -> list[str]:
    """Each block of commands, in the order of the text."""
    return SHELL.findall(text)
