"""Operators whose wallet speaks Evolution's One Wallet API.

`settings` is what is agreed with the operator, `adapter` writes the requests and decides what each answer proves.
`simulated` is the same protocol seen from the operator's side, for the sandbox and the tests.
"""

from adapters.evolution.adapter import Evolution
from adapters.evolution.settings import EvolutionSettings

__all__ = ["Evolution", "EvolutionSettings"]
