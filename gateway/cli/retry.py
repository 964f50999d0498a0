"""`mm-gateway retry`: has what is undelivered sent again now, parked or due later."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Final

import msgspec
import typer

from gateway.cli.all_journals import AllJournals, with_journals
from gateway.cli.configuration import load_settings
from gateway.cli.errors import CommandFailed, CommandMisused
from gateway.cli.options import Config, DirectionName, OperatorName, Who, Why
from gateway.cli.printing import print_line
from gateway.cli.undelivered import move, persons_reason, the_one_undelivered
from gateway.journal.interface import TransferFilter
from gateway.journal.writes import Change
from gateway.records import Direction, Reason, State, Transfer
from gateway.transfers import rules

AT_ONCE: Final = 500
RATE: Final = 20
"""Transfers per second, if nobody says otherwise: an operator that is just back is not flooded."""

_WHICH: Final = "which ones? Give their ids, or --all-parked or --all-undelivered with --operator"


class Slots(msgspec.Struct):
    """When each of many transfers is due: `rate` per second from `start` on (Unix seconds)."""

    start: float
    rate: int
    taken: int = 0

    @property
    def next(self) -> float:
        """The first that is free."""
        return self.start + self.taken / self.rate

    def take(self) -> float:
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
    rate: Annotated[int, typer.Option("--rate", min=1, metavar="N", help="So many of them per second.")] = RATE,
) -> None:
    """Have undelivered transfers sent again now: parked ones with their schedule from the beginning, and ones that are
    due later."""
    if [bool(ids), all_parked, all_undelivered].count(True) != 1:
        raise CommandMisused(_WHICH)
    if not ids and operator is None:
        raise CommandMisused(f"--all-{'parked' if all_parked else 'undelivered'} needs --operator")
    settings = load_settings(config)
    reason = persons_reason(settings, who, why)
    slots = Slots(reason.at, rate)

    async def act(journals: AllJournals) -> int:
        if ids:
            return await _retry_each(journals, ids, operator, direction, reason, slots)
        where = TransferFilter(operator=operator, direction=direction, changed_before=reason.at)
        return await (_retry_parked if all_parked else _hasten_undelivered)(journals, where, reason, slots)

    count = with_journals(settings, act)
    print_line(f"{count} will be sent again{_within(count, rate)}")


async def _retry_each(
    journals: AllJournals,
    ids: list[str],
    operator: str | None,
    direction: Direction | None,
    reason: Reason,
    slots: Slots,
) -> int:
    """All are looked up before the first is moved: a typing slip moves none."""
    named = dict.fromkeys(ids)
    transfers = [await the_one_undelivered(journals, transfer_id, operator, direction) for transfer_id in named]
    for transfer in transfers:
        await move(journals, _sent_again(transfer, reason, slots.take()))
    return len(transfers)


async def _retry_parked(journals: AllJournals, of: TransferFilter, reason: Reason, slots: Slots) -> int:
    where = msgspec.structs.replace(of, states=(State.PARKED,))
    return await _in_pages(journals, lambda: where, reason, slots)


async def _hasten_undelivered(journals: AllJournals, of: TransferFilter, reason: Reason, slots: Slots) -> int:
    """Those that are due before their turn would come are left as they are."""
    states = (State.CONFIRMING, State.ROLLING_BACK)
    return await _in_pages(
        journals,
        lambda: msgspec.structs.replace(of, states=states, owned=False, due_after=slots.next),
        reason,
        slots,
    )


async def _in_pages(
    journals: AllJournals, remaining: Callable[[], TransferFilter], reason: Reason, slots: Slots
) -> int:
    """How many were moved. What was moved, or was changed by anybody else since the command began, does not remain: so
    each page holds new ones, and there is a last."""
    count = 0
    while transfers := await journals.list_transfers(remaining(), AT_ONCE):
        count += sum(await asyncio.gather(*(_moved(journals, each, reason, slots) for each in transfers)))
    return count


async def _moved(journals: AllJournals, transfer: Transfer, reason: Reason, slots: Slots) -> bool:
    """Whether it was still there to be moved: of all of them, some may be called for meanwhile."""
    if transfer.state is not State.PARKED and transfer.due_at is not None and transfer.due_at <= slots.next:
        return False
    try:
        await move(journals, _sent_again(transfer, reason, slots.take()))
    except CommandFailed:
        return False
    return True


def _sent_again(transfer: Transfer, reason: Reason, due_at: float) -> Change:
    if transfer.state is State.PARKED:
        return rules.retry(transfer, reason, reason.at, due_at)
    soonest = due_at if transfer.due_at is None else min(due_at, transfer.due_at)
    return rules.hasten(transfer, reason, reason.at, soonest)


def _within(count: int, rate: int) -> str:
    return f", the last in {(count - 1) / rate:.0f} s" if count > rate else ""
