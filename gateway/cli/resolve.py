"""`mm-gateway resolve`: a person records that an undelivered transfer has ended at the operator."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from gateway.cli.all_journals import AllJournals, with_journals
from gateway.cli.configuration import load_settings
from gateway.cli.errors import CommandFailed
from gateway.cli.options import AsJson, Config, DirectionName, OperatorName, Who, Why
from gateway.cli.printing import print_json, print_line, printable
from gateway.cli.undelivered import audited, find_undelivered, persons_reason, write_change
from gateway.cli.views import transfer_view
from gateway.records import State, Transfer
from gateway.transfers import rules
from gateway.transfers.states import DELIVERED


class End(StrEnum):
    """How the operator has ended it."""

    CONFIRMED = State.CONFIRMED
    ROLLED_BACK = State.ROLLED_BACK


def resolve(  # noqa: PLR0913 - a command's arguments are its options
    transfer_id: Annotated[str, typer.Argument(metavar="ID", help="The mmTransactionId.")],
    *,
    end: Annotated[End, typer.Option("--as", help="How the operator has ended it.")],
    who: Who,
    why: Why,
    config: Config = None,
    operator: OperatorName = None,
    direction: DirectionName = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    as_json: AsJson = False,
) -> None:
    """Record that a transfer, parked or still being delivered, has ended at the operator, as you have learnt there.
    Nothing is sent."""
    settings = load_settings(config)
    reason = persons_reason(settings, who, why)

    async def act(journals: AllJournals) -> Transfer:
        journal, transfer = await find_undelivered(journals, transfer_id, operator, direction)
        _require_decided(transfer, end)
        if not yes:
            typer.confirm(_question(transfer, end), abort=True)
        return await write_change(journals, journal, rules.resolve(transfer, reason, reason.at))

    with audited(settings):
        resolved = with_journals(settings, act)
    if as_json:
        print_json(transfer_view(resolved))
    else:
        print_line(f"{resolved.id} is {resolved.state.replace('_', ' ')}")


def _require_decided(transfer: Transfer, end: End) -> None:
    """Raises `CommandFailed` unless this is the end that was decided.

    A durable decision never changes: the game may have been answered with it.
    """
    decided = DELIVERED[rules.wanted_decision(transfer)]
    if decided.value != end.value:
        raise CommandFailed(
            f"{transfer.id} was decided to be {decided.replace('_', ' ')}, and a decision is final; "
            f"retry it, or settle the difference with {transfer.operator} and resolve it --as {decided}"
        )


def _question(transfer: Transfer, end: End) -> str:
    what = f"{transfer.direction} {transfer.id} of {transfer.amount or 'an unknown amount'} at {transfer.operator}"
    return printable(f"Record {what} as {end.replace('_', ' ')}? Nothing will be sent.")
