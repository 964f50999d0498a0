"""`mm-gateway launch`: one URL of the game's client, for a try by hand."""

from __future__ import annotations

import sys
from typing import Annotated, Any, Final

import msgspec
import typer

from gateway.cli.configuration import load_operator_part
from gateway.cli.errors import CommandFailed, CommandMisused
from gateway.cli.options import AsJson, Config, operator_names
from gateway.cli.printing import print_json, print_line
from gateway.clock import SystemClock
from gateway.launch.urls import build_url
from gateway.launch.values import read_launch
from gateway.settings import LaunchSettings
from gateway.wire.errors import WalletError

FROM_INPUT: Final = "-"

LaunchedOperator = Annotated[
    str, typer.Argument(metavar="OPERATOR", help="An operator of the configuration.", autocompletion=operator_names)
]
Token = Annotated[
    str | None,
    typer.Option("--token", metavar="TOKEN", help="The session's token; - reads it from standard input, or asks."),
]
Language = Annotated[str | None, typer.Option("--language", metavar="TAG", help="Such as en or pt-BR.")]
Currency = Annotated[str | None, typer.Option("--currency", metavar="CODE", help="Such as EUR.")]
Platform = Annotated[str | None, typer.Option("--platform", metavar="NAME", help="Such as desktop.")]
Demo = Annotated[bool, typer.Option("--demo", help="Play without money; needs no token.")]
LobbyUrl = Annotated[str | None, typer.Option("--lobby-url", metavar="URL", help="Where the client leads back to.")]


def launch(  # noqa: PLR0913 - a command's arguments are its options
    operator: LaunchedOperator,
    *,
    config: Config = None,
    token: Token = None,
    language: Language = None,
    currency: Currency = None,
    platform: Platform = None,
    demo: Demo = False,
    lobby_url: LobbyUrl = None,
    as_json: AsJson = False,
) -> None:
    """Print the URL that the operator's launch of the game would give. It holds the session's token.

    The running gateway is not called, and no session is verified.
    """
    settings = _settings(config, operator)
    sent = {
        "token": _read_token() if token == FROM_INPUT else token,
        "language": language,
        "currency": currency,
        "platform": platform,
        "demo": demo,
        "lobbyUrl": lobby_url,
    }
    url = _build(settings, sent)
    if as_json:
        print_json({"url": url})
    else:
        print_line(url)


def _build(settings: LaunchSettings, sent: dict[str, Any]) -> str:
    try:
        request = read_launch(settings, msgspec.json.encode(sent))
    except WalletError as error:
        raise CommandMisused(error.text) from None
    except UnicodeEncodeError:
        # Not from the error itself, whose message and traceback would show the token.
        raise CommandMisused("an option holds bytes that are not UTF-8; write it in UTF-8") from None
    return build_url(settings, request, SystemClock().now())


def _settings(config: Config, operator: str) -> LaunchSettings:
    operators = load_operator_part(config, operator, "launch").operators
    if operator not in operators:
        raise CommandMisused(f"no operator {operator!r}; configured: {', '.join(operators)}")
    launch_settings = operators[operator].launch
    if launch_settings is None:
        raise CommandFailed(f"operators.{operator}.launch is not configured; add it to the configuration")
    if operators[operator].retiring:
        raise CommandFailed(f"operators.{operator} is retiring: no game is launched for it any more")
    return launch_settings


def _read_token() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Token", hide_input=True))
    token = sys.stdin.readline().rstrip("\r\n")
    if not token:
        raise CommandMisused("the token on standard input is empty; write one line")
    return token
