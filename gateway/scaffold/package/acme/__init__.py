"""Acme's wallet contract, for the wallet gateway."""

from acme.adapter import Acme

__all__ = ["Acme"]
