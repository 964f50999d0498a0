"""Operators whose wallet serves Saba's (OneWorks') sportsbook: the one contract that has a confirm of its own.

`settings` is what is agreed with the operator, `messages` writes the bodies and says what each status proves, and
`adapter` makes the calls. `simulated` is the same protocol seen from the operator's side, for the sandbox and the
tests.
"""

from adapters.saba.adapter import Saba
from adapters.saba.settings import SabaSettings

__all__ = ["Saba", "SabaSettings"]
