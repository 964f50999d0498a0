"""Operators that already speak the game's own wallet format.

`settings` is what is agreed with the operator, `messages` writes money and reads the answers, and `adapter` makes the
calls and decides what each answer proves. `simulated` is the same protocol seen from the operator's side, for the
sandbox and the tests.
"""

from adapters.quantum.adapter import Quantum
from adapters.quantum.settings import Already, QuantumSettings

__all__ = ["Already", "Quantum", "QuantumSettings"]
