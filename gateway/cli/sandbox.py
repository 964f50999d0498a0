"""`mm-gateway sandbox`: runs a simulated operator, to try a gateway against."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from gateway.cli.errors import CommandFailed
from gateway.cli.printing import print_line
from gateway.money import Money, MoneyError, parse
from gateway.sandbox import SandboxError, serve
from gateway.sandbox.server import SandboxServer
from gateway.sandbox.simulated import Unknown


def _money(text: str) -> Money:
    try:
        return parse(text)
    except MoneyError as error:
        raise typer.BadParameter(f'{text!r} is not an amount: {error}; write e.g. "1000 XAG"') from None


def sandbox(
    protocol: Annotated[str, typer.Argument(help="The protocol it speaks: the name of an adapter.")] = "quantum",
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 9100,
    ledger: Annotated[Path | None, typer.Option(metavar="FILE", help="Keep its books in this file.")] = None,
    players: Annotated[
        int, typer.Option(min=0, help="How many have accounts: player-1 with the session token-1 …")
    ] = 10,
    balance: Annotated[
        Money, typer.Option(parser=_money, metavar="AMOUNT", help="Each player's balance at the beginning.")
    ] = "1000 XAG",  # type: ignore[assignment]  # typer parses defaults too
    unknown_rollback: Annotated[
        Unknown | None, typer.Option(help="What it does with the rollback of a transfer that it never saw.")
    ] = None,
) -> None:
    """Serve a simulated operator with books of its own, and faults to switch on while it runs."""
    try:
        asyncio.run(
            serve(
                protocol,
                host=host,
                port=port,
                ledger_path=ledger,
                players=players,
                balance=balance,
                unknown_rollback=unknown_rollback,
                announce=_announce,
            )
        )
    except SandboxError as error:
        raise CommandFailed(str(error)) from error


def _announce(server: SandboxServer) -> None:
    """Prints its address, and the `settings:` for the gateway's configuration: JSON, which is YAML too."""
    settings = server.operator.simulated.adapter_settings(server.base_url)
    print_line(f"a simulated operator listens on {server.url}")
    print_line(f"settings: {msgspec.json.encode(settings).decode()}")
    sys.stdout.flush()  # a program that started the sandbox through a pipe waits for these lines
