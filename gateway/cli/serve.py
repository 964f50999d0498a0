"""`mm-gateway serve`: runs the gateway until it is asked to stop."""

from __future__ import annotations

from gateway import runtime
from gateway.cli.configuration import load_all
from gateway.cli.errors import CommandFailed, CommandMisused
from gateway.cli.options import Config


def serve(*, config: Config = None) -> None:
    """Serve until SIGTERM or SIGINT; SIGHUP reads the configuration again."""
    try:
        runtime.run(lambda: load_all(config))
    except runtime.ConfigurationUnusable as error:
        raise CommandMisused(str(error)) from error
    except runtime.WorkersFailed as error:
        raise CommandFailed(str(error)) from error
