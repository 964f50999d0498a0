"""`mm-gateway adapters try`: makes one call of an adapter, and shows the request and what comes of the answer."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Final
from uuid import uuid4

import typer

from gateway.cli.adapters_try_call import NoSandbox, Trial, TryCommand, try_answer, try_at_operator, try_at_sandbox
from gateway.cli.adapters_try_report import print_trial, trial_view
from gateway.cli.configuration import load_all
from gateway.cli.errors import CommandFailed, CommandMisused
from gateway.cli.http_answer import read_answer
from gateway.cli.options import AsJson, Config, operator_names
from gateway.cli.printing import print_json
from gateway.money import Money, MoneyError, parse
from gateway.operators import registry
from gateway.settings import OperatorSettings
from gateway.wire.calls import END_CALL, HOLDS, LOOK_UP, WalletCall

CALLS: Final = (*WalletCall, LOOK_UP)
MOVES: Final = HOLDS | set(END_CALL.values())
SANDBOX_TOKEN: Final = "token-of-player-1"  # noqa: S105 - of a simulated player


def _parse_call(text: str) -> str:
    if text not in CALLS:
        raise typer.BadParameter(f"{text!r} is not a call; there are: {', '.join(CALLS)}")
    return text


def _parse_amount(text: str) -> Money:
    try:
        return parse(text)
    except MoneyError as error:
        raise typer.BadParameter(f'{text!r} is not an amount: {error}; write e.g. "2.50 EUR"') from None


def _parse_memory(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise CommandMisused(f"--memory {text!r} is not NAME=TEXT")
    return name, value


Call = Annotated[str, typer.Argument(parser=_parse_call, metavar="CALL", help=f"One of: {', '.join(CALLS)}.")]
TriedOperator = Annotated[
    str,
    typer.Option(
        "--operator",
        metavar="NAME",
        help="An operator of the configuration; without one, an adapter.",
        autocompletion=operator_names,
    ),
]
Live = Annotated[bool, typer.Option("--live", help="Send it to the operator of the configuration.")]
YesMoveMoney = Annotated[bool, typer.Option("--yes-move-money", help="Needed with --live for a call that moves money.")]
AnswerFile = Annotated[
    Path | None,
    typer.Option(
        "--answer",
        metavar="FILE",
        help="Send nothing, and read this answer: status line, headers, an empty line and the body; or the body alone.",
    ),
]
Token = Annotated[str | None, typer.Option("--token", help="The session's token; the sandbox takes any.")]
PlayerId = Annotated[str, typer.Option("--player", metavar="ID", help="The player, where that is known.")]
TransferId = Annotated[
    str | None, typer.Option("--id", metavar="ID", help="The mmTransactionId; without it, a new one.")
]
Amount = Annotated[Money, typer.Option("--amount", parser=_parse_amount, metavar="AMOUNT", help="How much.")]
Memory = Annotated[
    list[str] | None,
    typer.Option(
        "--memory",
        metavar="NAME=TEXT",
        help="What the hold's receipt gave to remember; may be given several times.",
    ),
]


def try_call(  # noqa: PLR0913 - a command's arguments are its options
    call: Call,
    *,
    operator: TriedOperator,
    config: Config = None,
    live: Live = False,
    yes_move_money: YesMoveMoney = False,
    answer: AnswerFile = None,
    token: Token = None,
    player: PlayerId = "",
    transfer_id: TransferId = None,
    amount: Amount = "2.50 EUR",  # type: ignore[assignment]  # typer parses defaults too
    memory: Memory = None,
    as_json: AsJson = False,
) -> None:
    """Make one call of an adapter, and show the request, the answer, what the adapter made of it, and what the gateway
    would do next.

    The call goes to the adapter's own sandbox, which is started for it; a confirm or a rollback after its withdraw or
    deposit. --live sends it to the operator of the configuration, and --answer sends nothing. Secrets are hidden.
    """
    if live and answer is not None:
        raise CommandMisused("--live sends the call, and --answer sends nothing; give one of them")
    if live:
        _require_for_live(call, config=config, token=token, id=transfer_id, yes_move_money=yes_move_money)
    command = TryCommand(
        call=call,
        operator=operator,
        settings=_settings(config, operator),
        token=token or SANDBOX_TOKEN,
        player=player,
        id=transfer_id or uuid4().hex,
        amount=amount,
        memory=dict(_parse_memory(text) for text in memory or ()),
    )
    trial = _run(command, live=live, is_configured=config is not None, answer=answer)
    if as_json:
        print_json(trial_view(trial))
    else:
        print_trial(trial)


def _run(command: TryCommand, *, live: bool, is_configured: bool, answer: Path | None) -> Trial:
    try:
        if live:
            return asyncio.run(try_at_operator(command))
        if answer is not None:
            return asyncio.run(try_answer(command, read_answer(answer), is_configured=is_configured))
        return asyncio.run(try_at_sandbox(command))
    except (OSError, NoSandbox, registry.AdapterUnavailable) as error:
        raise CommandFailed(str(error)) from error


def _settings(config: Path | None, operator: str) -> OperatorSettings:
    """The operator's, or without a configuration the usual ones for the adapter of that name."""
    if config is None:
        if operator not in registry.names():
            raise CommandMisused(
                f"there is no adapter {operator!r}; installed are: {', '.join(registry.names())}. "
                f"For an operator give --config FILE, or set MM_GATEWAY_CONFIG"
            )
        return OperatorSettings(adapter=operator)
    operators = load_all(config).settings.operators
    if operator not in operators:
        raise CommandMisused(f"no operator {operator!r}; configured: {', '.join(operators)}")
    return operators[operator]


def _require_for_live(
    call: str, *, config: Path | None, token: str | None, id: str | None, yes_move_money: bool
) -> None:
    """Raises `CommandMisused` unless all that a call to a real operator needs has been given on purpose."""
    if config is None:
        raise CommandMisused("--live needs the operator's settings: give --config FILE, or set MM_GATEWAY_CONFIG")
    if token is None:
        raise CommandMisused("--live needs the token of a real session: give --token TOKEN")
    if call in END_CALL.values() and id is None:
        raise CommandMisused(f"{call} ends a transfer: give its --id ID")
    if call in MOVES and not yes_move_money:
        raise CommandMisused(f"{call} moves a player's money at the operator; if that is meant, add --yes-move-money")
