"""Finding the parked transfers that a person wants to act upon, and writing down who does and why."""

from __future__ import annotations

import time
from collections.abc import Callable

from gateway.cli.errors import CommandFailed
from gateway.cli.journals import Journals
from gateway.journal.interface import TransferFilter
from gateway.journal.records import Direction, Reason, State, Transfer
from gateway.journal.writes import Change
from gateway.reasons import Categories, Category, Source, kept_text
from gateway.settings import Settings

Rule = Callable[[Transfer, Reason, float], Change]


def persons_reason(settings: Settings, who: str, why: str) -> Reason:
    """The reason as it is kept."""
    text = kept_text(why)
    rules = settings.rollback_reasons.categories
    category = Categories(Category(rule.name, rule.match) for rule in rules).of(text)
    return Reason(text=text, source=Source.PERSON, category=category, at=time.time(), who=kept_text(who))


async def the_one_parked(
    journals: Journals, transfer_id: str, operator: str | None, direction: Direction | None
) -> Transfer:
    """The parked transfer of that id. Raises `CommandFailed` where there is none, or more than one."""
    where = TransferFilter(id=transfer_id, operator=operator, direction=direction)
    found = await journals.transfers(where, limit=2)
    if not found:
        raise CommandFailed(f"there is no transfer {transfer_id}")
    if len(found) > 1:
        owners = " and ".join(f"{one.operator} ({one.direction})" for one in found)
        raise CommandFailed(f"{transfer_id} is an id of {owners}; say which with --operator and --direction")
    (transfer,) = found
    if transfer.state is not State.PARKED:
        raise CommandFailed(f"{transfer_id} is {transfer.state.replace('_', ' ')}, not parked")
    return transfer


async def move(journals: Journals, transfer: Transfer, reason: Reason, rule: Rule) -> Transfer:
    """Writes what the rule says. Raises `CommandFailed` if somebody else moved the transfer meanwhile."""
    changed = await journals.change(rule(transfer, reason, reason.at))
    if not changed.moved or changed.transfer is None:
        state = changed.transfer.state.replace("_", " ") if changed.transfer else "gone"
        raise CommandFailed(f"{transfer.id} was moved by somebody else meanwhile: it is {state}")
    return changed.transfer
