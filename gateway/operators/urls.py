"""The addresses that an adapter's settings name."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("is no http or https address; write it like https://wallet.example/wallet/")
    if parts.username is not None:
        raise ValueError("holds credentials; they have settings of their own")
    if not url.endswith("/"):
        raise ValueError("is everything before the endpoint's name, so it must end with a slash")
    return url


BaseUrl = Annotated[str, AfterValidator(_checked)]
"""Everything before an endpoint's name: ``https://wallet.example/wallet/``. An endpoint's URL is `base_url + name`."""
