"""The configuration of a gateway for one simulated operator, to try both on one machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import yaml

from gateway.private_files import open_itself

HOST: Final = "127.0.0.1"
WALLET_PORT: Final = 8080
ADMIN_PORT: Final = 9090
OPERATOR: Final = "acme"
GAME: Final = "game"
GAME_PASSWORD: Final = "password-of-the-game"  # noqa: S105 - of a gateway before an operator that has no money

HEAD: Final = """\
# A gateway before the simulated operator of `mm-gateway sandbox {protocol}`, which wrote this. Everything is on this
# machine, and no password here is secret. docs/configuration.md explains every key.
"""


def write_configuration(path: Path, protocol: str, parts: Mapping[str, Any], gateway: str | None = None) -> None:
    """Writes a new file. `parts` is what the operator prints for its block; `gateway` as for `SandboxServer`.

    The journal is put beside the file. Raises `OSError`: `FileExistsError` if the file is there; it stays as it is.
    """
    journal = path.resolve().with_suffix(".journal.db")
    text = yaml.safe_dump(_content(journal, protocol, parts, gateway), sort_keys=False, width=120)
    with os.fdopen(open_itself(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "w", encoding="utf-8") as file:
        file.write(HEAD.format(protocol=protocol) + text)


def _content(journal: Path, protocol: str, parts: Mapping[str, Any], gateway: str | None) -> dict[str, Any]:
    name, listener = OPERATOR, {}
    if gateway is not None:  # such as http://127.0.0.1:8081/operators/acme
        address = urlsplit(gateway)
        name = address.path.rstrip("/").rpartition("/")[2] or OPERATOR
        listener = {"operators_server": {"host": address.hostname, "port": address.port}}
    credentials = [{"username": GAME, "password": GAME_PASSWORD}]
    return {
        "server": {"host": HOST, "port": WALLET_PORT},
        **listener,
        "admin": {"host": HOST, "port": ADMIN_PORT},
        "journal": {"url": f"sqlite:///{journal}"},
        "operators": {name: {"adapter": protocol, **parts, "credentials": credentials}},
    }
