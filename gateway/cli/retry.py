"""`mm-gateway retry`: starts parked transfers again."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from gateway.cli.configuration import load_settings
from gateway.cli.errors import CommandFailed, CommandMisused
from gateway.cli.journals import Journals, asking
from gateway.cli.options import Config, DirectionName, OperatorName, Who, Why
from gateway.cli.parked import move, persons_reason, the_one_parked
from gateway.cli.printing import print_line
from gateway.journal.interface import TransferFilter
from gateway.journal.records import Direction, Reason, State, Transfer
from gateway.transfers import rules

AT_ONCE: Final = 500


def retry(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Their mmTransactionIds.")] = None,
    *,
    who: Who,
    why: Why,
    config: Config = None,
    operator: OperatorName = None,
    direction: DirectionName = None,
    all_parked: Annotated[bool, typer.Option("--all-parked", help="All that are parked for --operator.")] = False,
) -> None:
    """Have parked transfers delivered again, each with its schedule from the beginning."""
    if bool(ids) is all_parked:
        raise CommandMisused("which ones? Give their ids, or --all-parked with --operator")
    if all_parked and operator is None:
        raise CommandMisused("--all-parked needs --operator")
    settings = load_settings(config)
    reason = persons_reason(settings, who, why)

    async def act(journals: Journals) -> int:
        if all_parked:
            return await _retry_all(journals, TransferFilter(operator=operator, direction=direction), reason)
        return await _retry_each(journals, ids or [], operator, direction, reason)

    print_line(f"{asking(settings, act)} will be sent again")


async def _retry_each(
    journals: Journals, ids: list[str], operator: str | None, direction: Direction | None, reason: Reason
) -> int:
    """All are looked up before the first is moved: a typing slip moves none."""
    transfers = [await the_one_parked(journals, transfer_id, operator, direction) for transfer_id in dict.fromkeys(ids)]
    for transfer in transfers:
        await move(journals, transfer, reason, rules.retried)
    return len(transfers)


async def _retry_all(journals: Journals, of: TransferFilter, reason: Reason) -> int:
    where = TransferFilter(operator=of.operator, direction=of.direction, states=(State.PARKED,))
    count = 0
    while transfers := await journals.transfers(where, AT_ONCE):
        moved = [await _moved(journals, transfer, reason) for transfer in transfers]
        count += sum(moved)
        if not any(moved):
            break
    return count


async def _moved(journals: Journals, transfer: Transfer, reason: Reason) -> bool:
    """Whether it was still there to be moved: of all of them, some may be called for meanwhile."""
    try:
        await move(journals, transfer, reason, rules.retried)
    except CommandFailed:
        return False
    return True
