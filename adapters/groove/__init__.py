"""Operators whose wallet speaks Groove's transaction API.

`settings` is what is agreed with the operator, `adapter` writes and signs the requests and decides what each answer
proves. `simulated` is the same protocol seen from the operator's side, for the sandbox and the tests.
"""

from adapters.groove.adapter import Groove
from adapters.groove.settings import GrooveSettings

__all__ = ["Groove", "GrooveSettings"]
