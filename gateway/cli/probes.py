"""What `mm-gateway check --probe` asks: the ports, each journal and what is unfinished in it, and each operator."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Final, NamedTuple

from gateway.cli.admin_page import ask_admin
from gateway.cli.all_journals import missing_file
from gateway.cli.errors import CommandFailed
from gateway.cli.times import time_text
from gateway.clock import SystemClock
from gateway.http.listener import Listener
from gateway.journal import excess_rights, open_journal, server_advice
from gateway.journal.interface import Journal, JournalError, TransferFilter
from gateway.operators.adapter import HttpResponse
from gateway.operators.errors import Declined, OperatorError, Unmapped
from gateway.operators.http_client.wire_use import WireUse
from gateway.operators.registry import build_operator
from gateway.records import Session, UnfinishedCount
from gateway.runtime.listeners import why_unbound
from gateway.runtime.misplaced import misplaced
from gateway.runtime.unfinished import by_operator, left_behind, states_text
from gateway.settings import AdminSettings, JournalSettings, OperatorSettings, ServerSettings, Settings
from gateway.telemetry.metrics import Metrics

PROBE_TOKEN: Final = "mm-gateway-probe"  # noqa: S105 - a session that no player has

ACCEPTED: Final = (
    "it accepted a made-up session token: either it is not the environment that you mean (a test system or a stub "
    "behind base_url), or it checks no sessions. Compare the URL and the credentials with the operator's, and ask the "
    "operator before a player plays."
)

DECLINED: Final = "reached; declined a made-up session token"

UNASKED: Final = "not reached: the adapter tells whose a session is without asking the operator"

UNSURE: Final = (
    "reached, and answered in its protocol; whether that declines a made-up session token cannot be told, since its "
    "settings do not say what this error means"
)

_WEB_PAGE: Final = (b"<!doctype html", b"<html")
_COMPARE: Final[dict[int | None, str]] = {
    HTTPStatus.UNAUTHORIZED: "the credentials",
    HTTPStatus.FORBIDDEN: "the credentials",
    HTTPStatus.NOT_FOUND: "the URL",
    HTTPStatus.METHOD_NOT_ALLOWED: "the URL",
}
"""What may be wrong in the settings where an operator, or whoever stands in its place, answers so."""


class Result(StrEnum):
    """What a probe came to. Only `FAILED` is a failure of the command."""

    OK = "ok"
    UNSURE = "unsure"
    FAILED = "FAILED"


class ProbeResult(NamedTuple):
    """The result of one probe."""

    what: str
    result: Result
    text: str


async def probe_all(settings: Settings) -> list[ProbeResult]:
    """Everything, at the same time."""
    ports = asyncio.to_thread(_probe_ports, settings)
    journals = [_probe_journal(name, settings) for name in settings.every_journal]
    operators = [_probe_operator(name, operator) for name, operator in settings.operators.items()]
    listening, by_journal, reached = await asyncio.gather(ports, asyncio.gather(*journals), asyncio.gather(*operators))
    return [*listening, *(one for found in by_journal for one in found), *reached]


def _probe_ports(settings: Settings) -> list[ProbeResult]:
    """Whether the ports are free, or held by the gateway that runs with this configuration."""
    serving = _is_serving(settings.admin)
    # Port 0 stands for one that the system chooses.
    return [_probe_port(section, each, serving=serving) for section, each in settings.listeners if each.port]


def _probe_port(section: str, listener: ServerSettings | AdminSettings, *, serving: bool) -> ProbeResult:
    what = f"port of {section}"
    where = f"{listener.host}:{listener.port}"
    try:
        Listener.bind(listener.host, listener.port).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE and serving:
            return ProbeResult(what, Result.OK, f"{where} is in use, and a gateway answers at the admin listener")
        return ProbeResult(what, Result.FAILED, why_unbound(listener, error))
    return ProbeResult(what, Result.OK, f"{where} is free")


def _is_serving(admin: AdminSettings) -> bool:
    """Whether a gateway answers at the admin listener."""
    try:
        answer = ask_admin(admin, "/healthz")
    except CommandFailed:
        return False
    return answer.status == HTTPStatus.OK or "problems" in answer.members


async def _probe_journal(name: str, settings: Settings) -> list[ProbeResult]:
    """The journal, and of each operator in it that leaves what is unfinished."""
    what, own = f"journal {name}", settings.every_journal[name]
    if (file := missing_file(own)) is not None:
        return [ProbeResult(what, Result.OK, f"there is no file {file} yet; the gateway will create it")]
    try:
        journal = await open_journal(name, own, Metrics(), SystemClock(), beside=True)
    except JournalError as error:
        return [ProbeResult(what, Result.FAILED, str(error))]
    try:
        await journal.check_writable()
        advice = await _advice(name, own)
        problems = list(misplaced(settings, {name: await journal.moved_operators()}))
        unfinished = await _probe_unfinished(name, journal, settings)
    except JournalError as error:
        return [ProbeResult(what, Result.FAILED, str(error))]
    finally:
        await journal.close()
    if problems:
        return [ProbeResult(what, Result.FAILED, "; ".join(problems)), *unfinished]
    return [ProbeResult(what, Result.OK, "; ".join(("writes are durable", *advice))), *unfinished]


async def _advice(name: str, settings: JournalSettings) -> list[str]:
    rights = await excess_rights(name, settings)
    told = [f"its role may do more than serve: it {', '.join(rights)}"] if rights else []
    return told + await server_advice(name, settings)


async def _probe_unfinished(name: str, journal: Journal, settings: Settings) -> list[ProbeResult]:
    counts = await journal.count_unfinished(0.0)
    left = by_operator(left_behind(name, counts, settings))
    found = [_left(name, operator, rows, settings) for operator, rows in left.items()]
    of = by_operator(counts)
    for operator, own in settings.sharing(name).items():
        if own.retiring:
            found.append(await _retiring(operator, own, of, journal))
    return found


def _left(journal: str, operator: str, rows: list[UnfinishedCount], settings: Settings) -> ProbeResult:
    own = settings.operators.get(operator)
    if own is None:
        why = "and there is no such operator: configure it again, with `retiring: true`"
    elif own.journal != journal:
        why = f"and its journal is {own.journal}: nobody ends what is in {journal}; name that one until they have ended"
    else:
        why = "and it has no `payment`: configure that again until the game has acknowledged them"
    text = f"unfinished in journal {journal}: {states_text(rows)}; {why}"
    return ProbeResult(f"operator {operator}", Result.FAILED, text)


async def _retiring(
    operator: str, settings: OperatorSettings, counts: Mapping[str, list[UnfinishedCount]], journal: Journal
) -> ProbeResult:
    """How far an operator that retires has come."""
    what = f"operator {operator}, retiring"
    if rows := counts.get(operator):
        return ProbeResult(what, Result.OK, f"unfinished: {states_text(rows)}; keep it until these have ended")
    newest = await journal.list_transfers(TransferFilter(operator=operator), limit=1)
    until = newest[0].opened_at + settings.delivery.named_for if newest else 0.0
    if until > SystemClock().now():
        text = f"nothing is unfinished; the game may repeat its calls until {time_text(until)}: remove it then"
    else:
        text = "nothing is unfinished, and the game repeats no call any more: it may be removed"
    return ProbeResult(what, Result.OK, text)


async def _probe_operator(name: str, settings: OperatorSettings) -> ProbeResult:
    """Verifies a made-up session token: a clear decline proves that the operator is reached and speaks the protocol."""
    what = f"operator {name}"
    operator = build_operator(name, settings, Metrics(), SystemClock())
    use = WireUse()
    try:
        await operator.verify_session(Session(operator=name, token=PROBE_TOKEN), use)
    except OperatorError as error:
        return ProbeResult(what, *_judge(error, use))
    finally:
        await operator.close()
    return ProbeResult(what, Result.FAILED, ACCEPTED if use.written else UNASKED)


def _is_anybodys(answer: HttpResponse | None) -> bool:
    """Whether it may be anybody's: empty, or made for people."""
    body = b"" if answer is None else answer.body.lstrip()
    return not body or body[:16].lower().startswith(_WEB_PAGE)


def _judge(error: OperatorError, use: WireUse) -> tuple[Result, str]:
    """What an error says of the operator."""
    if not use.written:  # an adapter may decline a token whose form is not the agreed one, without asking
        return Result.FAILED, f"not reached: {error.text}"
    if isinstance(error, Declined):
        return Result.OK, f"{DECLINED}: {error.text}"
    status = use.answer.status if use.answer is not None else None
    if status in _COMPARE:
        return Result.FAILED, f"reached, but HTTP {status}: compare {_COMPARE[status]}: {error.text}"
    if isinstance(error, Unmapped) and not _is_anybodys(use.answer):
        return Result.UNSURE, f"{UNSURE}: {error.text}"
    return Result.FAILED, f"reached, but gave no clear answer: {error.text}"
