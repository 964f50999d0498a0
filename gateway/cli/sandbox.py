"""`mm-gateway sandbox`: runs a simulated operator, to try a gateway against."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import msgspec
import typer

from gateway.cli.errors import CommandFailed, CommandMisused
from gateway.cli.printing import print_line
from gateway.money import FRACTION_DIGITS, Money, MoneyError, parse
from gateway.sandbox import SandboxError, serve
from gateway.sandbox.configuration import write_configuration
from gateway.sandbox.server import ADMIN_PATH, SandboxServer
from gateway.sandbox.simulated import Manner, Unknown

FAULT: Final = '[{"fault": "error_after", "calls": ["withdraw"], "times": 1}]'
"""An example to print: the operator books a withdraw and answers 503."""


def _money(text: str) -> Money:
    try:
        return parse(text)
    except MoneyError as error:
        raise typer.BadParameter(f'{text!r} is not an amount: {error}; write e.g. "1000 XAG"') from None


Players = Annotated[
    int, typer.Option(min=0, help="How many have accounts: player-1 with the session token-of-player-1 …")
]
Balance = Annotated[
    Money, typer.Option(parser=_money, metavar="AMOUNT", help="Each player's balance at the beginning.")
]
UnknownRollback = Annotated[
    Unknown | None, typer.Option(help="What it does with the rollback of a transfer that it never saw.")
]
Currencies = Annotated[
    list[str] | None,
    typer.Option(
        "--currency",
        metavar="NAME=PLACES",
        help="How many digits it keeps of a currency, such as BTC=8; may be given several times.",
    ),
]

Gateway = Annotated[
    str | None,
    typer.Option(metavar="URL", help="What it calls as an operator, such as http://127.0.0.1:8081/operators/acme."),
]

WriteConfig = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Write a gateway's configuration for it into this new file (docs/quickstart.md)."
    ),
]


def _parse_places(text: str) -> tuple[str, int]:
    currency, _, places = text.partition("=")
    if not currency or not places.isdecimal() or int(places) > FRACTION_DIGITS:
        raise CommandMisused(
            f"--currency {text!r} is not a currency and its places; write e.g. BTC=8, with at most {FRACTION_DIGITS}"
        )
    return currency, int(places)


def sandbox(  # noqa: PLR0913 - each is an option
    protocol: Annotated[str, typer.Argument(help="The protocol it speaks: the name of an adapter.")],
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 9100,
    ledger: Annotated[Path | None, typer.Option(metavar="FILE", help="Keep its books in this file.")] = None,
    players: Players = 10,
    balance: Balance = "1000 XAG",  # type: ignore[assignment]  # typer parses defaults too
    unknown_rollback: UnknownRollback = None,
    currency: Currencies = None,
    gateway: Gateway = None,
    write_config: WriteConfig = None,
) -> None:
    """Serve a simulated operator with books of its own, and faults to switch on while it runs.

    While it runs, it is read and changed under /_sandbox/ of its address:

    \b
      curl -X PUT http://127.0.0.1:9100/_sandbox/faults -d '[{"fault": "cut_after", "calls": ["withdraw"], "times": 1}]'
      curl -X PUT http://127.0.0.1:9100/_sandbox/faults -d '[]'
      curl -X DELETE http://127.0.0.1:9100/_sandbox/sessions -d '{"token": "token-of-player-1"}'
      curl http://127.0.0.1:9100/_sandbox/wire

    The first switches a fault on, the second all of them off, the third ends a session, and the last shows every
    request with its headers and its answer. `ledger` shows players and holds. A rule of a fault may also have `ids`
    (of transfers), a `chance` (0 to 1) and, for a delay, `delay_s`.

    With --gateway it also calls the gateway when it is told to:

    \b
      curl http://127.0.0.1:9100/_sandbox/launch -d '{"token": "token-of-player-1", "language": "en"}'
      curl http://127.0.0.1:9100/_sandbox/query -d '{"direction": "withdraw", "id": "1234abcd"}'
      curl http://127.0.0.1:9100/_sandbox/payments -d '{"player_id": "player-1", "price": "4.99", "trick": "twice"}'

    Then `notices` shows what the game was told. Tricks of a payment: none, twice, again, forged, old, other_price.

    Faults after which nothing was done: decline, error_before (503), client_error (404), busy (429), redirect (307),
    hang_before, cut_before; late, which is done after its rollback.

    Faults after which it was done: delay, duplicate, other_error, error_after (503), wrong_status, hang_after,
    cut_after, half, garbage, wrong_type, wrong_id, other_case, other_currency, many_digits, endless_digits,
    no_balance, words, huge.
    """  # noqa: D301 - the escape marks lines that are not to be folded
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
                announce=lambda server: _announce(server, protocol, balance.currency, gateway, write_config),
                manner=Manner(places=dict(_parse_places(text) for text in currency or ())),
                gateway=gateway and _address(gateway),
            )
        )
    except SandboxError as error:
        raise CommandFailed(str(error)) from error


def _write(file: Path, protocol: str, parts: Mapping[str, Any], gateway: str | None) -> None:
    try:
        write_configuration(file, protocol, parts, gateway)
    except FileExistsError:
        raise CommandMisused(f"--write-config: {file} exists; name a new file, or leave the option out") from None
    except OSError as error:
        raise CommandFailed(f"--write-config: {file} cannot be written: {error.strerror}") from error


def _address(gateway: str) -> str:
    parts = urlsplit(gateway)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise CommandMisused(
            f"--gateway {gateway!r} is not an address; write e.g. http://127.0.0.1:8081/operators/acme"
        )
    return gateway


def _announce(server: SandboxServer, protocol: str, currency: str, gateway: str | None, file: Path | None) -> None:
    """Prints its address, what the gateway's configuration needs of it (JSON, which is YAML too), and how to go on."""
    parts = {"settings": server.operator.simulated.own_settings(server.base_url)}
    if gateway is not None:
        parts |= server.around_configuration(currency)
    if file is not None:
        _write(file, protocol, parts, gateway)
    print_line(f"a simulated operator listens on {server.url}")
    for key, value in parts.items():
        print_line(f"{key}: {msgspec.json.encode(value).decode()}")
    print_line(f"faults: curl -X PUT {server.url}{ADMIN_PATH}faults -d '{FAULT}'")
    if file is not None:
        print_line(f"configuration: mm-gateway serve --config {file}")
    sys.stdout.flush()  # a program that started the sandbox through a pipe waits for these lines
