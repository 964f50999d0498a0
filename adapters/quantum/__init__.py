"""Operators that already speak the game's own wallet format."""

from adapters.quantum.adapter import Quantum, QuantumSettings

__all__ = ["Quantum", "QuantumSettings"]
