"""Operators whose wallet serves Betsoft's Common Wallet protocol.

`settings` is what is agreed with the operator; `adapter` writes the requests and says what each answer proves.
`simulated` is the same protocol seen from the operator's side, for the sandbox and the tests.
"""

from adapters.betsoft.adapter import Betsoft
from adapters.betsoft.settings import BetsoftSettings

__all__ = ["Betsoft", "BetsoftSettings"]
