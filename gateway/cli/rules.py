"""`mm-gateway rules`: the rules for Prometheus, with the error budgets of the configured operators."""

from __future__ import annotations

import sys
from typing import Annotated, Final

import typer

from gateway.alerting.rules_file import Options, rules_file
from gateway.alerting.scale import Scale
from gateway.cli.configuration import load_without_secrets
from gateway.cli.errors import CommandMisused
from gateway.cli.options import Config
from gateway.settings import Settings
from gateway.telemetry.objectives import Objectives, objectives_of

USUAL: Final = Options()


def rules(
    *,
    config: Config = None,
    runbooks: Annotated[
        str, typer.Option("--runbooks", metavar="URL", help="Where docs/runbooks can be opened.")
    ] = USUAL.runbooks,
    dashboards: Annotated[
        str, typer.Option("--dashboards", metavar="URL", help="Grafana's address.")
    ] = USUAL.dashboards,
    job: Annotated[
        str, typer.Option("--job", metavar="NAME", help="The job under which Prometheus scrapes the gateways.")
    ] = USUAL.job,
    scale: Annotated[
        float, typer.Option("--scale", min=1, metavar="N", help="For trials: divide all times by this.")
    ] = 1,
) -> None:
    """Print recording rules and alerts for Prometheus. With a configuration, the alerts on error budgets are those of
    its operators' objectives; without one, they follow whatever objectives the gateways report."""
    for url in (runbooks, dashboards):
        if not url.startswith(("http://", "https://")):
            raise CommandMisused(f"{url} cannot be opened from a page: give an address that begins with https://")
    if not job.isprintable() or set(job) & {'"', "\\"}:
        raise CommandMisused("the name of a job has no quotes, backslashes or control characters here")
    promised = None if config is None else _objectives(load_without_secrets(config))
    options = Options(runbooks=runbooks, dashboards=dashboards, job=job, objectives=promised, scale=Scale(scale))
    sys.stdout.write(rules_file(options))


def _objectives(settings: Settings) -> dict[str, Objectives]:
    """Those of each operator, by its name."""
    return {name: objectives_of(operator.objectives) for name, operator in settings.operators.items()}
