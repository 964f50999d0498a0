"""The demo: simulated operators, a real gateway and a game play purchases that go wrong, and the books are compared."""

from gateway.demo.audit import Audit, Check
from gateway.demo.gateway import DemoError
from gateway.demo.play import Demo, ProgressListener, Sizes, play

__all__ = ["Audit", "Check", "Demo", "DemoError", "ProgressListener", "Sizes", "play"]
