"""Operators whose wallet serves Slotegrator's GIS callbacks.

`settings` is what is agreed with the operator, `adapter` writes the requests and reads the answers, `simulated` is the
operator's side.
"""

from adapters.slotegrator.adapter import Slotegrator
from adapters.slotegrator.settings import SlotegratorSettings

__all__ = ["Slotegrator", "SlotegratorSettings"]
