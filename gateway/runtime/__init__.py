"""The gateway as one running thing: it is built from a configuration, serves, reloads and stops.

- `process.py`: the process: signals, systemd (`systemd.py`), logging, garbage collection. Begin reading here
- `runtime.py`: start, reload and stop, in their order
- `active_operators.py`, `open_journals.py`, `listeners.py`: the three kinds of parts that it starts and stops
- `reload_limits.py`: what only a restart can change; `errors.py`: why a configuration was refused
- `interpreter.py`, `logging_setup.py`: what each process of a gateway sets up first
- `workers`: several processes that serve as one
- `supervisor.py`: background work that is started again when it fails
"""

from __future__ import annotations

from gateway.runtime.errors import ConfigurationUnusable, WorkersFailed
from gateway.runtime.process import run, serve
from gateway.runtime.runtime import Runtime

__all__ = ["ConfigurationUnusable", "Runtime", "WorkersFailed", "run", "serve"]
