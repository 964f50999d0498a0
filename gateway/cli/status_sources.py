"""What `mm-gateway status` reads and asks: the configuration, each journal, the gateway; all at once, each in its time.

What cannot be reached is a fact like any other: the rest is found out all the same.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, Final

import msgspec

from gateway.build import version
from gateway.cli.all_journals import require_file
from gateway.cli.configuration import load_all, load_known_part, load_settings
from gateway.cli.errors import CommandFailed
from gateway.cli.status_facts import ConfigurationFacts, Facts, JournalFacts
from gateway.cli.status_gateway import gateway_facts
from gateway.clock import Clock
from gateway.journal import open_journal
from gateway.journal.interface import (
    Journal,
    JournalError,
    JournalMisconfigured,
    ReasonFilter,
    SchemaMismatch,
    TransferFilter,
)
from gateway.reasons import Source
from gateway.records import State, Timeline, UnfinishedCount
from gateway.runtime.certificates import certificate_readings
from gateway.runtime.journal_growth import WARNED_FROM_BYTES, readers_of
from gateway.runtime.rehearsal import rehearsed_hash
from gateway.settings import JournalSettings, Settings, SettingsError
from gateway.telemetry.metrics import Metrics

TIMEOUT_S: Final = 5.0
"""How long a journal may take to be opened, and then to answer all questions."""

OPERATORS_SHOWN: Final = 10
TRANSFERS_SHOWN: Final = 3
REASONS_SHOWN: Final = 5
REASONS_SINCE_S: Final = 3600

UNDELIVERED: Final = (State.CONFIRMING, State.ROLLING_BACK, State.PARKED)


async def find_out(config: Path, clock: Clock) -> Facts:
    """All facts. Raises `SettingsError` if the configuration does not even say where to look."""
    settings, configuration = await _configuration(config)
    gateway, journals = await asyncio.gather(
        asyncio.to_thread(gateway_facts, settings.admin),
        asyncio.gather(*(_look_into(name, each, settings, clock) for name, each in settings.every_journal.items())),
    )
    return Facts(
        at=clock.now(),
        version=version(),
        configuration=configuration,
        gateway=gateway,
        journals=tuple(journals),
        operators=None if configuration.problems else frozenset(settings.operators),
        certificates={reading.labels[0]: reading.value for reading in certificate_readings(settings)},
    )


async def _configuration(config: Path) -> tuple[Settings, ConfigurationFacts]:
    """The settings, as far as they can be used, and what is to say of the file."""
    try:
        settings = load_all(config).settings
    except SettingsError as error:
        return _incomplete(config, error)
    hash_, problems = await rehearsed_hash(settings)
    return settings, ConfigurationFacts(file=str(config), hash=hash_, problems=tuple(problems))


def _incomplete(config: Path, error: SettingsError) -> tuple[Settings, ConfigurationFacts]:
    problems = tuple(map(str, error.problems))
    try:
        # Mistakes remain; secrets that only the gateway's own user and environment have do not.
        load_settings(config)
    except SettingsError:
        facts = ConfigurationFacts(file=str(config), problems=problems)
    else:
        facts = ConfigurationFacts(file=str(config), unreadable=problems)
    try:
        return load_known_part(config), facts
    except SettingsError:
        raise error from None


async def _look_into(name: str, settings: JournalSettings, whole: Settings, clock: Clock) -> JournalFacts:
    store = "postgresql" if settings.sqlite_path is None else "sqlite"
    facts = JournalFacts(name=name, store=store, now=clock.now())
    try:
        require_file(name, settings)
        async with asyncio.timeout(TIMEOUT_S):
            journal = await open_journal(name, settings, Metrics(), clock, beside=True)
    except TimeoutError:
        return msgspec.structs.replace(facts, problem=f"no answer within {TIMEOUT_S:g} s")
    except SchemaMismatch as error:
        return msgspec.structs.replace(facts, problem=str(error), problem_code="schema_differs")
    except JournalMisconfigured as error:
        return msgspec.structs.replace(facts, problem=str(error), problem_code="journal_misconfigured")
    except (JournalError, CommandFailed) as error:
        return msgspec.structs.replace(facts, problem=str(error))
    try:
        return await _ask(journal, facts, settings, whole.abandoned_after)
    finally:
        await _in_time(journal.close)


async def _ask(
    journal: Journal, facts: JournalFacts, settings: JournalSettings, abandoned_after_s: float
) -> JournalFacts:
    """All questions at once. The first that has no answer is the problem; the others' answers are kept."""
    measures, problem = await _in_time(journal.measure)
    now = facts.now - ((measures and measures.clock_offset_s) or 0.0)
    since = now - REASONS_SINCE_S
    (_, write_problem), (instances, *problems), (unfinished, *more), (reasons, *rest) = await asyncio.gather(
        _in_time(journal.check_writable),
        _in_time(journal.instances),
        _in_time(lambda: journal.count_unfinished(now - abandoned_after_s)),
        _in_time(lambda: journal.list_reasons(ReasonFilter(source=Source.GATEWAY, since=since), limit=REASONS_SHOWN)),
    )
    undelivered, last_problem = await _in_time(lambda: _undelivered(journal, unfinished or ()))
    return msgspec.structs.replace(
        facts,
        now=now,
        problem=next((text for text in (problem, *problems, *more, *rest, last_problem) if text), ""),
        write_problem=write_problem,
        measures=measures,
        instances=tuple(instances or ()),
        unfinished=tuple(unfinished or ()),
        undelivered=tuple(undelivered or ()),
        reasons=tuple(reasons or ()),
        log_readers=_log_readers(settings, measures and measures.log_bytes),
    )


async def _in_time(ask: Callable[[], Awaitable[Any]]) -> tuple[Any, str]:
    """The answer, None if there is none, and why there is none."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return await ask(), ""
    except TimeoutError:
        return None, f"no answer within {TIMEOUT_S:g} s"
    except JournalError as error:
        return None, str(error)


async def _undelivered(journal: Journal, unfinished: Iterable[UnfinishedCount]) -> list[Timeline]:
    """Some of those that wait, of the operators with most of them."""
    counts: dict[str, int] = {}
    for each in unfinished:
        if each.state in UNDELIVERED:
            counts[each.operator] = counts.get(each.operator, 0) + each.count
    found = []
    for operator in sorted(counts, key=counts.__getitem__, reverse=True)[:OPERATORS_SHOWN]:
        where = TransferFilter(operator=operator, states=UNDELIVERED)
        found += await journal.list_transfers(where, limit=TRANSFERS_SHOWN)
    timelines = [await journal.timeline(transfer.key) for transfer in found]
    return [timeline for timeline in timelines if timeline is not None]


def _log_readers(settings: JournalSettings, log_bytes: int | None) -> tuple[str, ...]:
    """Who else has the file open, where its write-ahead log is long."""
    if not settings.sqlite_path or not log_bytes or log_bytes < WARNED_FROM_BYTES:
        return ()
    return tuple(sorted(readers_of(os.path.realpath(settings.sqlite_path))))
