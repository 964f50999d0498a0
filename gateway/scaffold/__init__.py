"""A new adapter as a package of its own, made from the files of a small example: Acme's wallet (`package`).

`new_package` copies them with the new name in place of Acme's. The example is checked as all code here is, and its
tests are run, so what it makes is green at once (tests/integration/scaffold).
"""

from __future__ import annotations

import importlib.util
import keyword
import re
from pathlib import Path
from typing import Final

from gateway.operators import registry

EXAMPLE: Final = Path(__file__).with_name("package")
NAME: Final = "acme"

_CACHES: Final = frozenset({"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache"})
_IDENTIFIER: Final = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)


class ScaffoldError(Exception):
    """The package cannot be made; the text says why, and what would be right."""


def new_package(name: str, parent: Path) -> Path:
    """Makes the package of an adapter in the folder `name` of this one, and returns it. Raises `ScaffoldError`."""
    _require_identifier(name)
    folder = parent / name
    if folder.exists():
        raise ScaffoldError(f"{folder} exists already; nothing was written")
    _require_free_name(name)
    try:
        for file in sorted(EXAMPLE.rglob("*")):
            if file.is_file() and _CACHES.isdisjoint(file.parts):
                _write(folder / renamed(str(file.relative_to(EXAMPLE)), name), file, name)
    except OSError as error:
        raise ScaffoldError(f"{folder} cannot be written: {error.strerror}") from error
    return folder


def renamed(text: str, name: str) -> str:
    """A text of the example with the adapter's name in place of Acme's: ``acme`` becomes ``my_wallet``, ``Acme``
    ``MyWallet``, ``ACME`` ``MY_WALLET``."""
    for old, new in ((NAME, name), (class_name(NAME), class_name(name)), (NAME.upper(), name.upper())):
        text = text.replace(old, new)
    return text


def class_name(name: str) -> str:
    """The name of an adapter's class: ``MyWallet`` for ``my_wallet``."""
    return "".join(part.capitalize() for part in name.split("_"))


def _write(target: Path, source: Path, name: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("x", encoding="utf-8") as file:  # never one that is there, nor what a link leads to
        file.write(renamed(source.read_text(encoding="utf-8"), name))


def _require_identifier(name: str) -> None:
    if not _IDENTIFIER.fullmatch(name) or keyword.iskeyword(name):
        raise ScaffoldError(
            f"{name!r} cannot be the name of an adapter, since it is the name of a Python package too; "
            f"write small letters, digits and underscores, such as my_wallet"
        )


def _require_free_name(name: str) -> None:
    if name in registry.names():
        raise ScaffoldError(f"an adapter {name!r} is installed already; choose another name")
    if importlib.util.find_spec(name) is not None:
        raise ScaffoldError(f"Python has a package {name!r} already, which the new one would hide; choose another name")
