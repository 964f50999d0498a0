"""Operators whose wallet serves the SOFTSWISS Game Aggregator's wallet API.

`settings` is what is agreed with the operator, `requests` writes bodies and ids, `adapter` sends them and reads the
answers, `simulated` is the operator's side.
"""

from adapters.softswiss.adapter import Softswiss
from adapters.softswiss.settings import SoftswissSettings

__all__ = ["Softswiss", "SoftswissSettings"]
