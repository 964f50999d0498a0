"""What is agreed with an operator whose wallet speaks Thunderkick's contract."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Literal

from pydantic import Field, SecretStr

from gateway.operators import AdapterSettings
from gateway.toolbox import BaseUrl, CurrencyCodes, TokenTemplate


class ThunderkickSettings(AdapterSettings):
    """How to reach the operator, and what is agreed with it."""

    base_url: BaseUrl = Field(description="Everything before `balances` and `bet/`, with its last slash.")
    username: str = Field(description="For HTTP Basic authentication at the operator.", pattern="^[^:]*$")
    password: SecretStr = Field(description="For HTTP Basic authentication at the operator.")
    game: str = Field(description="The game's name at the operator (`gameName`).", min_length=1)
    provider_id: int = Field(default=1, description="The game provider's number at the operator (`providerId`).")
    player_ip: IPv4Address | IPv6Address = Field(
        description="The address that is sent as every player's, since the game's calls do not name one."
    )
    distribution_channel: str = Field(default="WEB", description="Where players play; one for all.", min_length=1)
    session_token: TokenTemplate = Field(
        default="{player}:{session}",
        description=(
            "How the game's session token holds the operator's names: `{player}` is the `playerExternalReference`, "
            "`{session}` the `operatorSessionToken`; without `{session}` that is the whole token."
        ),
    )
    account_type: str = Field(
        default="REAL", description="The type of the account that bets are taken from and whose balance is told."
    )
    confirm: Literal["zero_win", "none"] = Field(
        default="zero_win",
        description="`zero_win` ends the bet's round with a win of 0; `none` sends nothing, since a bet is final.",
    )
    ids: Literal["text", "number"] = Field(
        default="text",
        description="`text` can be recognised by people; `number` is for operators that take only numbers.",
    )
    rollback_id: Literal["bet", "own"] = Field(
        default="bet",
        description=(
            "The id in the path of a rollback: `bet` is that of its bet, `own` is another one, "
            "for an operator that looks for the bet in the body alone."
        ),
    )
    currencies: CurrencyCodes = Field(
        default={}, description="The operator's code for each of the game's currencies; those not named are the same."
    )
