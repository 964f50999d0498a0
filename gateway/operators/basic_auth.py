"""HTTP Basic credentials, as adapters send them."""

from __future__ import annotations

from base64 import b64encode


def basic_auth(username: str, password: str) -> str:
    """The value of an `Authorization` header: ``Basic Sm9obkRvZTpNeVBhc3M=`` for ``JohnDoe`` and ``MyPass``."""
    return "Basic " + b64encode(f"{username}:{password}".encode()).decode("ascii")
