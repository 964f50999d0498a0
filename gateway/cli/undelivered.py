"""The undelivered transfers on which a person may act: finds them, and records who does what and why."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.cli.all_journals import AllJournals, Kept
from gateway.cli.errors import CommandFailed
from gateway.journal.interface import TransferFilter
from gateway.journal.writes import Change
from gateway.operators.safe_text import fit_text
from gateway.reasons import Categories, Category, Source, limit_text
from gateway.records import Direction, Reason, State, Transfer
from gateway.settings import Settings
from gateway.telemetry import audit
from gateway.transfers import rules


def persons_reason(settings: Settings, who: str, why: str) -> Reason:
    """The reason to keep with the transfer: cut to the kept length, with its category, at the present time."""
    text = limit_text(why)
    categories = settings.rollback_reasons.categories
    category = Categories(Category(rule.name, rule.match) for rule in categories).of(text)
    return Reason(text=text, source=Source.PERSON, category=category, at=time.time(), who=limit_text(who))


@contextmanager
def audited(settings: Settings) -> Iterator[None]:
    """What is changed in the block has its line in the audit stream. Raises `CommandFailed` if that cannot be written:
    nobody should act by hand unseen."""
    try:
        audit.stream.open(settings.log.audit, "", fit_text)
    except OSError as error:
        raise CommandFailed(f"log.audit: cannot write {settings.log.audit}: {error.strerror}") from error
    try:
        yield
    finally:
        audit.stream.close()


async def find_undelivered(
    journals: AllJournals, transfer_id: str, operator: str | None, direction: Direction | None
) -> Kept[Transfer]:
    """The transfer of that id, parked or being delivered. Raises `CommandFailed` if there is none or more than one, or
    if a person cannot act on it now."""
    where = TransferFilter(id=transfer_id, operator=operator, direction=direction)
    found = await journals.find_transfers(where, limit=2)  # two are enough to know that the id names more than one
    if not found:
        raise CommandFailed(f"there is no transfer {transfer_id}")
    if len(found) > 1:
        owners = " and ".join(f"{one.operator} ({one.direction}) in {journal}" for journal, one in found)
        raise CommandFailed(f"{transfer_id} is an id of {owners}; say which with --operator and --direction")
    (kept,) = found
    if (obstacle := _obstacle(kept.record, time.time())) is not None:
        raise CommandFailed(obstacle)
    return kept


async def write_change(journals: AllJournals, journal: str, change: Change) -> Transfer:
    """Writes the change to the journal where the transfer was found. Raises `CommandFailed` if the transfer has changed
    since it was read."""
    # A compare-and-set: a gateway may work on the row at the same time, and the one that read an older revision loses.
    # Held by tests/integration/cli/test_moves.py.
    changed = await journals.change(journal, change)
    if changed.moved and changed.transfer is not None:
        return changed.transfer
    if changed.transfer is None:
        raise CommandFailed(f"{change.key.id} has ended, and was removed in the meantime")
    obstacle = _obstacle(changed.transfer, time.time())
    state = _state(changed.transfer)
    raise CommandFailed(obstacle or f"{change.key.id} has changed in the meantime: it is {state}; look again")


def _obstacle(transfer: Transfer, now: float) -> str | None:
    """Why a person cannot act on the transfer now, and what to do instead; None if one can."""
    present = f"{transfer.id} is {_state(transfer)}"
    match transfer.state:
        case State.SENDING:
            return f"{present}: the operator has not answered the {transfer.direction} yet; it goes on by itself"
        case State.HELD:
            return f"{present}: only the game can decide how it ends; ask the game's people"
        case State.CONFIRMED | State.ROLLED_BACK:
            return f"{present}: it has ended, and nothing is left to do"
        case State.PARKED | State.CONFIRMING | State.ROLLING_BACK:
            if not rules.is_leased(transfer, now):
                return None
            shown = f"mm-gateway transfers show {transfer.id}"
            return f"{transfer.id} is being tried right now by {transfer.owner}; wait for the result: {shown}"


def _state(transfer: Transfer) -> str:
    return transfer.state.replace("_", " ")
