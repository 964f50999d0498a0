"""Operators that already speak the game's own wallet format."""

from adapters.quantum.adapter import Quantum
from adapters.quantum.settings import Already, QuantumSettings

__all__ = ["Already", "Quantum", "QuantumSettings"]
