"""Operators whose wallet speaks Pragmatic Play's seamless wallet API.

`settings` is what is agreed with the operator, `adapter` writes and signs the requests and decides what each answer
proves. `simulated` is the same protocol seen from the operator's side, for the sandbox and the tests.
"""

from adapters.pragmatic.adapter import Pragmatic
from adapters.pragmatic.settings import PragmaticSettings

__all__ = ["Pragmatic", "PragmaticSettings"]
