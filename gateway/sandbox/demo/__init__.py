"""The demo: simulated operators, a real gateway and a game play purchases that go wrong, and the books are compared."""

from gateway.sandbox.demo.audit import Audit, Check
from gateway.sandbox.demo.gateway import DemoError
from gateway.sandbox.demo.play import Demo, Sizes, Watcher, play

__all__ = ["Audit", "Check", "Demo", "DemoError", "Sizes", "Watcher", "play"]
