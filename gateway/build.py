"""Which version this is, and which build of it: told by `--version`, the log and the metrics, and never guessed."""

from __future__ import annotations

from importlib import import_module, metadata
from typing import Final

DISTRIBUTION: Final = "mm-wallet-gateway"

NO_BUILD: Final = "from a clone without a build"


def version() -> str:
    """The version in pyproject.toml, as it was installed."""
    return metadata.version(DISTRIBUTION)


def build() -> str:
    """The git commit that it was built from and that commit's date, as `make release` and the Dockerfile's arguments
    `REVISION` and `SOURCE_DATE_EPOCH` note them in a module that is not in git; or that there was no such build."""
    try:
        noted = import_module("gateway._build")
    except ModuleNotFoundError:
        return NO_BUILD
    return f"{noted.COMMIT} of {noted.DATE}"
