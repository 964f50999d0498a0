"""Operators whose wallet speaks Hub88's operator protocol."""

from adapters.hub88.adapter import Hub88
from adapters.hub88.settings import Hub88Settings

__all__ = ["Hub88", "Hub88Settings"]
