"""Operators whose wallet serves EvenBet's Seamless Wallet API.

`settings` is what is agreed with the operator, `adapter` writes the requests and reads the answers, `simulated` is the
operator's side.
"""

from adapters.evenbet.adapter import EvenBet
from adapters.evenbet.settings import EvenBetSettings

__all__ = ["EvenBet", "EvenBetSettings"]
