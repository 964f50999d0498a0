"""Operators behind MG+, which games reach by its guide for third-party game providers.

`settings` is what is agreed with the operator, `messages` reads the answers and says what each code proves, and
`adapter` makes the calls. `simulated` is the same protocol seen from the operator's side, for the sandbox and the
tests.
"""

from adapters.mgplus.adapter import MgPlus
from adapters.mgplus.settings import MgPlusSettings

__all__ = ["MgPlus", "MgPlusSettings"]
