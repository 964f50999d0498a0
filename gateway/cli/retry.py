"""`mm-gateway retry`: has undelivered transfers sent again now, parked ones and ones that are due later."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Final

import msgspec
import typer

from gateway.cli.all_journals import AllJournals, Kept, with_journals
from gateway.cli.configuration import load_settings
from gateway.cli.errors import CommandFailed, CommandMisused
from gateway.cli.options import AsJson, Config, DirectionName, OperatorName, Who, Why
from gateway.cli.printing import print_json, print_line
from gateway.cli.undelivered import audited, find_undelivered, persons_reason, write_change
from gateway.journal.interface import TransferFilter
from gateway.journal.writes import Change
from gateway.records import Direction, Reason, State, Transfer
from gateway.transfers import rules

BATCH: Final = 500
"""Transfers that are read, and then changed, at a time."""

RATE: Final = 20
"""Transfers per second by default: low enough for an operator that has just come back."""

_WHICH_ONES: Final = "which ones? Give their ids, or --all-parked or --all-undelivered with --operator"


class Slots(msgspec.Struct):
    """Due times for many transfers: `rate` per second, from `start` on (Unix seconds), the time of the command."""

    start: float
    rate: int
    taken: int = 0

    @property
    def next(self) -> float:
        """The first free due time, in Unix seconds."""
        return self.start + self.taken / self.rate

    def take(self) -> float:
        """Returns the first free due time, and takes it."""
        slot = self.next
        self.taken += 1
        return slot


def retry(  # noqa: PLR0913 - a command's arguments are its options
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Their mmTransactionIds.")] = None,
    *,
    who: Who,
    why: Why,
    config: Config = None,
    operator: OperatorName = None,
    direction: DirectionName = None,
    all_parked: Annotated[bool, typer.Option("--all-parked", help="All that are parked for --operator.")] = False,
    all_undelivered: Annotated[
        bool, typer.Option("--all-undelivered", help="All that are due later at --operator, and not parked.")
    ] = False,
    rate: Annotated[int, typer.Option("--rate", min=1, metavar="N", help="How many per second.")] = RATE,
    as_json: AsJson = False,
) -> None:
    """Have undelivered transfers sent again now: parked ones with their schedule from the beginning, and ones that are
    due later."""
    if [bool(ids), all_parked, all_undelivered].count(True) != 1:
        raise CommandMisused(_WHICH_ONES)
    if not ids and operator is None:
        raise CommandMisused(f"--all-{'parked' if all_parked else 'undelivered'} needs --operator")
    settings = load_settings(config)
    reason = persons_reason(settings, who, why)

    async def act(journals: AllJournals) -> int:
        now = await journals.now(reason.at)
        slots = Slots(now, rate)
        if ids:
            return await _retry_each(journals, ids, operator, direction, reason, slots)
        # Leaves out what is changed from now on, by this command or by anybody else: see `_change_all_pages`.
        where = TransferFilter(operator=operator, direction=direction, changed_before=now)
        return await (_retry_parked if all_parked else _hasten_undelivered)(journals, where, reason, slots)

    with audited(settings):
        count = with_journals(settings, act)
    if as_json:
        print_json({"transfers": count, "last_in_s": round(max(0, count - 1) / rate, 3)})
    else:
        print_line(f"{count} will be sent again{_duration_text(count, rate)}")


async def _retry_each(
    journals: AllJournals,
    ids: list[str],
    operator: str | None,
    direction: Direction | None,
    reason: Reason,
    slots: Slots,
) -> int:
    """Looks all of them up before it changes the first, so that a typing error changes none."""
    named = dict.fromkeys(ids)  # an id that is given twice is one transfer, and takes one slot
    found = [await find_undelivered(journals, transfer_id, operator, direction) for transfer_id in named]
    for journal, transfer in found:
        await write_change(journals, journal, _retry_change(transfer, reason, slots.start, slots.take()))
    return len(found)


async def _retry_parked(journals: AllJournals, of: TransferFilter, reason: Reason, slots: Slots) -> int:
    where = msgspec.structs.replace(of, states=(State.PARKED,))
    return await _change_all_pages(journals, lambda: where, reason, slots)


async def _hasten_undelivered(journals: AllJournals, of: TransferFilter, reason: Reason, slots: Slots) -> int:
    """Leaves those as they are that are due before their slot."""
    states = (State.CONFIRMING, State.ROLLING_BACK)
    return await _change_all_pages(
        journals,
        lambda: msgspec.structs.replace(of, states=states, owned=False, due_after=slots.next),
        reason,
        slots,
    )


async def _change_all_pages(
    journals: AllJournals, remaining: Callable[[], TransferFilter], reason: Reason, slots: Slots
) -> int:
    """Changes page after page, and returns how many transfers were changed.

    `remaining` leaves out all that was changed since the command began, by this command or by anybody else. So every
    page holds new transfers, and there is a last page.
    """
    count = 0
    while found := await journals.list_transfers(remaining(), BATCH):
        count += sum(await asyncio.gather(*(_write_if_unchanged(journals, each, reason, slots) for each in found)))
    return count


async def _write_if_unchanged(journals: AllJournals, kept: Kept[Transfer], reason: Reason, slots: Slots) -> bool:
    """Whether it was changed. Some of many are changed by a game's call, or by a delivery, in the meantime."""
    journal, transfer = kept
    if transfer.state is not State.PARKED and transfer.due_at is not None and transfer.due_at <= slots.next:
        return False
    try:
        await write_change(journals, journal, _retry_change(transfer, reason, slots.start, slots.take()))
    except CommandFailed:
        return False
    return True


def _retry_change(transfer: Transfer, reason: Reason, now: float, due_at: float) -> Change:
    if transfer.state is State.PARKED:
        return rules.retry(transfer, reason, now, due_at)
    soonest = due_at if transfer.due_at is None else min(due_at, transfer.due_at)
    return rules.hasten(transfer, reason, now, soonest)


def _duration_text(count: int, rate: int) -> str:
    return f", the last in {(count - 1) / rate:.0f} s" if count > rate else ""
