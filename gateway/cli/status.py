"""`mm-gateway status`: how everything is, what is wrong, and what to do about it."""

from __future__ import annotations

import asyncio

from gateway.cli.configuration import require_path
from gateway.cli.errors import CommandFailed
from gateway.cli.options import AsJson, Config
from gateway.cli.status_advice import Urgency
from gateway.cli.status_judge import judge
from gateway.cli.status_report import print_status, print_status_json
from gateway.cli.status_sources import find_out
from gateway.clock import SystemClock
from gateway.telemetry import logs


def status(*, config: Config = None, as_json: AsJson = False) -> None:
    """Show how gateways, journals, transfers, operators and certificates are, and what to do where something is wrong.

    Asks every journal of the configuration, and the gateway on this machine. What cannot be reached within seconds is a
    finding; the rest is shown all the same. Nothing is changed.

    Exit status 0: nothing to do now ("look" can wait for the day). 1: something to act on. 2: the configuration does
    not say where to look.
    """
    logs.configure("error", "console")  # a warning about what is found anyway would stand within the JSON
    facts = asyncio.run(find_out(require_path(config), SystemClock()))
    sections = judge(facts)
    if as_json:
        print_status_json(facts, sections)
    else:
        print_status(sections)
    if subjects := [section.subject for section in sections if section.urgency is Urgency.ACT]:
        raise CommandFailed(f"act on: {', '.join(subjects)}")
