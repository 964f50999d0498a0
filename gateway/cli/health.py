"""`mm-gateway health`: asks the running gateway whether it is well, wherever its admin listener is."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.admin_page import OK, admin_settings, ask_admin
from gateway.cli.configuration import require_path
from gateway.cli.errors import CommandFailed
from gateway.cli.options import AsJson, Config
from gateway.cli.printing import print_json, print_line
from gateway.settings import AdminSettings


def health(
    *,
    ready: Annotated[
        bool, typer.Option("--ready", help="Whether it may be sent calls now; without it: whether it is alive.")
    ] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Ask the gateway that runs with this configuration, on this machine, whether it is well.

    Exit status 0: it is. 1: it is not, or does not answer; the text says why. 2: the configuration does not say where
    it is.
    """
    page, word = ("/readyz", "ready") if ready else ("/healthz", "alive")
    is_well, problems = _ask(admin_settings(require_path(config)), page)
    if as_json:
        print_json({word: is_well, "problems": problems})
    if not is_well:
        raise CommandFailed("; ".join(problems))
    if not as_json:
        print_line(word)


def _ask(settings: AdminSettings, page: str) -> tuple[bool, list[str]]:
    """Whether it is well, and why not."""
    try:
        answer = ask_admin(settings, page)
    except CommandFailed as error:
        return False, [str(error)]
    if answer.status == OK:
        return True, []
    return False, answer.members.get("problems") or [f"the admin listener answered HTTP {answer.status}"]
