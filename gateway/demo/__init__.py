"""The demo: simulated operators, a real gateway and a game play purchases that go wrong, and the books are compared.

`plan` decides beforehand what is played and what goes wrong, `play` runs it with the `gateway` in a process of its own,
the `operators` and the `game`, and `audit` compares ledgers, journal and what the game was told.
"""

from gateway.demo.audit import Audit, Check
from gateway.demo.gateway import DemoError
from gateway.demo.play import Demo, ProgressListener, Sizes, play

__all__ = ["Audit", "Check", "Demo", "DemoError", "ProgressListener", "Sizes", "play"]
