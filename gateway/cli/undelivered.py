"""Finding the undelivered transfers that a person wants to act upon, and writing down who does and why."""

from __future__ import annotations

import time

from gateway.cli.all_journals import AllJournals
from gateway.cli.errors import CommandFailed
from gateway.journal.interface import TransferFilter
from gateway.journal.writes import Change
from gateway.reasons import Categories, Category, Source, kept_text
from gateway.records import Direction, Reason, State, Transfer
from gateway.settings import Settings
from gateway.transfers import rules


def persons_reason(settings: Settings, who: str, why: str) -> Reason:
    """The reason as it is kept."""
    text = kept_text(why)
    categories = settings.rollback_reasons.categories
    category = Categories(Category(rule.name, rule.match) for rule in categories).of(text)
    return Reason(text=text, source=Source.PERSON, category=category, at=time.time(), who=kept_text(who))


async def the_one_undelivered(
    journals: AllJournals, transfer_id: str, operator: str | None, direction: Direction | None
) -> Transfer:
    """The transfer of that id, parked or being delivered. Raises `CommandFailed` where there is none, or more than one,
    or nothing is to be done about it by a person."""
    where = TransferFilter(id=transfer_id, operator=operator, direction=direction)
    found = await journals.list_transfers(where, limit=2)
    if not found:
        raise CommandFailed(f"there is no transfer {transfer_id}")
    if len(found) > 1:
        owners = " and ".join(f"{one.operator} ({one.direction})" for one in found)
        raise CommandFailed(f"{transfer_id} is an id of {owners}; say which with --operator and --direction")
    (transfer,) = found
    if (obstacle := _obstacle(transfer, time.time())) is not None:
        raise CommandFailed(obstacle)
    return transfer


async def move(journals: AllJournals, change: Change) -> Transfer:
    """Writes the change. Raises `CommandFailed` if somebody else moved the transfer meanwhile."""
    changed = await journals.change(change)
    if changed.moved and changed.transfer is not None:
        return changed.transfer
    if changed.transfer is None:
        raise CommandFailed(f"{change.key.id} was pruned meanwhile: it had ended")
    obstacle = _obstacle(changed.transfer, time.time())
    state = _state(changed.transfer)
    raise CommandFailed(obstacle or f"{change.key.id} was moved by somebody else meanwhile: it is {state}; look again")


def _obstacle(transfer: Transfer, now: float) -> str | None:
    """Why a person cannot act upon the transfer now, and what would be right; None where one can."""
    is_so = f"{transfer.id} is {_state(transfer)}"
    match transfer.state:
        case State.SENDING:
            return f"{is_so}: the operator has not answered the {transfer.direction} yet; it goes on by itself"
        case State.HELD:
            return f"{is_so}: only the game can decide how it ends; ask the game's people"
        case State.CONFIRMED | State.ROLLED_BACK:
            return f"{is_so}: it has ended, and nothing is left to do"
        case State.PARKED | State.CONFIRMING | State.ROLLING_BACK:
            if not rules.is_leased(transfer, now):
                return None
            shown = f"mm-gateway transfers show {transfer.id}"
            return f"{transfer.id} is being tried right now by {transfer.owner}; wait for what comes of it: {shown}"


def _state(transfer: Transfer) -> str:
    return transfer.state.replace("_", " ")
