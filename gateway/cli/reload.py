"""`mm-gateway reload`: has a running gateway read its configuration again, and waits for what comes of it."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.errors import CommandFailed
from gateway.cli.options import AsJson
from gateway.cli.printing import print_json, print_line
from gateway.runtime.reload_socket import NotReloadable, ask_for_reload


def reload(
    *,
    pid: Annotated[
        int,
        typer.Option(
            "--pid",
            envvar="MAINPID",
            metavar="PID",
            help="The gateway's process: 1 in a container. systemd sets MAINPID.",
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Have the gateway of this process id read its configuration and secrets again, and wait until they are in force.

    Exit status 0: they are. 1: they were refused, and nothing has changed; or there is no such gateway, or it is
    another user's. Works without the configuration.
    """
    try:
        problems = ask_for_reload(pid)
    except NotReloadable as error:
        raise CommandFailed(str(error)) from None
    if as_json:
        print_json({"reloaded": not problems, "problems": problems})
    if problems:
        raise CommandFailed("\n".join(["reload refused: nothing has changed", *problems]))
    if not as_json:
        print_line("reloaded")
