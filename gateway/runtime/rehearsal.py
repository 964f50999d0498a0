"""What a start does before it opens journals, done and undone again: for `mm-gateway check`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from gateway.clock import SystemClock
from gateway.http.operators_routing import OperatorsRouting
from gateway.http.routing import RoutingTable
from gateway.journal.sqlite.lock import BESIDE
from gateway.operators.operator import Operator
from gateway.operators.registry import build_operator
from gateway.payments.game import build_game
from gateway.runtime.active_operators import error_text
from gateway.runtime.configuration_hash import configuration_hash
from gateway.runtime.errors import ConfigurationUnusable
from gateway.runtime.listeners import ListenerTlsContexts, unbindable
from gateway.settings import JournalSettings, Settings
from gateway.telemetry.audit import STDERR, SYSTEMS_OWN
from gateway.telemetry.metrics import Metrics


async def rehearse(settings: Settings) -> list[str]:
    """Why a start with these settings, by this user on this machine, would be refused; empty if it would not."""
    problems = [text for name, journal in settings.every_journal.items() for text in unwritable(name, journal)]
    problems += _unwritable_audit(settings.log.audit)
    problems += await asyncio.to_thread(lambda: list(unbindable(settings)))
    try:
        ListenerTlsContexts.read(settings)
    except ConfigurationUnusable as error:
        problems += error.problems
    operators = dict(_build(settings, problems))
    try:
        await asyncio.to_thread(RoutingTable, operators, settings.server)
        await asyncio.to_thread(OperatorsRouting, operators, settings.operators_server)
    except ValueError as error:
        problems.append(f"operators: a password_hash or token_hash is not an Argon2 hash ({type(error).__name__})")
    for operator in operators.values():
        await operator.close()
    return problems


async def rehearsed_hash(settings: Settings) -> tuple[str, list[str]]:
    """The hash of the configuration, as a gateway has it that runs with these settings; empty, and why, where none
    could."""
    problems: list[str] = []
    operators = dict(_build(settings, problems))
    try:
        return "" if problems else configuration_hash(settings, operators), problems
    finally:
        for operator in operators.values():
            await operator.close()


def _build(settings: Settings, problems: list[str]) -> Iterator[tuple[str, Operator]]:
    for name, one in settings.operators.items():
        try:
            game = build_game(name, one, Metrics(), SystemClock())
            yield name, build_operator(name, one, Metrics(), SystemClock(), game=game)
        except (LookupError, ValidationError, OSError) as error:
            problems.append(f"operators.{name}: {error_text(error)}")


def unwritable(name: str, journal: JournalSettings) -> Iterator[str]:
    """Why the file of a SQLite journal cannot be made, or written."""
    if not journal.sqlite_path:
        return
    file = Path(journal.sqlite_path).absolute()
    if not file.parent.is_dir():
        yield f"journal {name}: there is no folder {file.parent}; make it, owned by the gateway's user"
    # The log and the lock lie beside it.
    elif not _may(file.parent, os.W_OK | os.X_OK):
        yield f"journal {name}: the folder {file.parent} is not writable by this user; give it to the gateway's user"
    elif file.is_dir():
        yield f"journal {name}: {file} is a folder; name a file in it"
    else:
        for each in (file, *(Path(f"{file}{end}") for end in BESIDE)):
            if each.exists() and not _may(each, os.R_OK | os.W_OK):
                yield f"journal {name}: the file {each} is not writable by this user; give it to the gateway's user"


def _unwritable_audit(audit: str | None) -> Iterator[str]:
    if audit is None or audit == STDERR:
        return
    file = Path(audit).absolute()
    if file.is_symlink() and not audit.startswith(SYSTEMS_OWN):
        yield f"log.audit: {audit} is a symbolic link, which is not followed; name the file itself"
    elif not _may(file if file.exists() else file.parent, os.W_OK):
        yield f"log.audit: cannot write {audit} as this user; give it, or its folder, to the gateway's user"


def _may(path: Path, mode: int) -> bool:
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)
