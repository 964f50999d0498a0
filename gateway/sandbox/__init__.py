"""Simulated operators: what the gateway is tried against, without any real operator.

`simulated` is the base of a protocol's operator side (each adapter brings its own), `ledger` keeps the books, `stores`
keeps the ledger's events, `faults` makes an operator fail on purpose, `server` puts it on sockets, and `serving` runs
it as a command.
"""

from gateway.sandbox.serving import SandboxError, serve

__all__ = ["SandboxError", "serve"]
