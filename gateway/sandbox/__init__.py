"""Trying the gateway out: a simulated operator as a command."""

from gateway.sandbox.serving import SandboxError, serve

__all__ = ["SandboxError", "serve"]
