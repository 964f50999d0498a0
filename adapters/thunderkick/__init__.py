"""Operators whose wallet speaks Thunderkick's contract for game servers.

`settings` is what is agreed with the operator, `messages` writes the bodies, reads the answers and says what each code
proves, and `adapter` makes the calls. `simulated` is the same protocol seen from the operator's side, for the sandbox
and the tests.
"""

from adapters.thunderkick.adapter import Thunderkick
from adapters.thunderkick.settings import ThunderkickSettings

__all__ = ["Thunderkick", "ThunderkickSettings"]
