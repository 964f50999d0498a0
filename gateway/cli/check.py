"""`mm-gateway check`: whether a configuration can be used, and whether its journals and operators can be reached."""

from __future__ import annotations

import asyncio
from typing import Annotated, Final, NamedTuple

import typer

from gateway.cli.all_journals import missing_file
from gateway.cli.configuration import load_all
from gateway.cli.errors import CommandFailed, CommandMisused
from gateway.cli.options import Config
from gateway.cli.printing import print_line, print_note, print_table
from gateway.clock import SystemClock
from gateway.journal import excess_rights, open_journal
from gateway.journal.interface import JournalError
from gateway.operators.errors import Declined, OperatorError
from gateway.operators.http_client.wire_use import WireUse
from gateway.operators.registry import build_operator
from gateway.records import Session
from gateway.runtime.rehearsal import rehearse
from gateway.settings import JournalSettings, OperatorSettings, Settings
from gateway.telemetry.metrics import Metrics

PROBE_TOKEN: Final = "mm-gateway-probe"  # noqa: S105 - a session that no player has

ACCEPTED: Final = (
    "it accepted a made-up session token: either it is not the environment that you mean (a test system or a stub "
    "behind base_url), or it checks no sessions. Compare the URL and the credentials with the operator's, and ask the "
    "operator before a player plays."
)

UNASKED: Final = "not reached: the adapter tells whose a session is without asking the operator"


class ProbeResult(NamedTuple):
    """The result of one probe."""

    what: str
    ok: bool
    text: str


def check(
    *,
    config: Config = None,
    probe: Annotated[bool, typer.Option("--probe", help="Also try journals and operators. Moves no money.")] = False,
) -> None:
    """Check the configuration, and print every problem with its line and what would be right."""
    loaded = load_all(config)
    for problem in loaded.advice:
        print_note(str(problem))
    settings = loaded.settings
    if problems := asyncio.run(rehearse(settings)):
        raise CommandMisused("\n".join(problems))
    counts = f"{len(settings.operators)} operators, {len(settings.every_journal)} journals"
    print_line(f"the configuration can be used: {counts}")
    if probe:
        _report(asyncio.run(_probe_all(settings)))


def _report(findings: list[ProbeResult]) -> None:
    rows = [{"probed": each.what, "result": "ok" if each.ok else "FAILED", "detail": each.text} for each in findings]
    print_table(rows, ("probed", "result", "detail"))
    if failed := sum(not each.ok for each in findings):
        raise CommandFailed(f"{failed} of {len(findings)} probes failed")


async def _probe_all(settings: Settings) -> list[ProbeResult]:
    journals = [_probe_journal(name, journal) for name, journal in settings.every_journal.items()]
    operators = [_probe_operator(name, operator) for name, operator in settings.operators.items()]
    return list(await asyncio.gather(*journals, *operators))


async def _probe_journal(name: str, settings: JournalSettings) -> ProbeResult:
    what = f"journal {name}"
    if (file := missing_file(settings)) is not None:
        return ProbeResult(what, ok=True, text=f"there is no file {file} yet; the gateway will create it")
    try:
        journal = await open_journal(name, settings, Metrics(), SystemClock(), beside=True)
    except JournalError as error:
        return ProbeResult(what, ok=False, text=str(error))
    try:
        await journal.check_writable()
        rights = await excess_rights(name, settings)
    except JournalError as error:
        return ProbeResult(what, ok=False, text=str(error))
    finally:
        await journal.close()
    told = f"; its role may do more than serve: it {', '.join(rights)}" if rights else ""
    return ProbeResult(what, ok=True, text=f"writes are durable{told}")


async def _probe_operator(name: str, settings: OperatorSettings) -> ProbeResult:
    """Verifies a made-up session token: a clear decline proves that the operator is reached and speaks the protocol."""
    what = f"operator {name}"
    operator = build_operator(name, settings, Metrics(), SystemClock())
    use = WireUse()
    try:
        await operator.verify_session(Session(operator=name, token=PROBE_TOKEN), use)
    except OperatorError as error:
        if not use.written:  # an adapter may decline a token whose form is not the agreed one, without asking
            return ProbeResult(what, ok=False, text=f"not reached: {error.text}")
        if isinstance(error, Declined):
            return ProbeResult(what, ok=True, text=f"reached; declined a made-up session token: {error.text}")
        return ProbeResult(what, ok=False, text=f"reached, but gave no clear answer: {error.text}")
    finally:
        await operator.close()
    return ProbeResult(what, ok=False, text=ACCEPTED if use.written else UNASKED)
