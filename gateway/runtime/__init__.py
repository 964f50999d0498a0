"""The gateway, put together: from a configuration to doors that answer, and back to rest."""

from __future__ import annotations

from gateway.runtime.errors import ConfigurationUnusable
from gateway.runtime.process import run, serve
from gateway.runtime.runtime import Runtime

__all__ = ["ConfigurationUnusable", "Runtime", "run", "serve"]
