"""What is agreed with an operator whose wallet serves Saba's sportsbook."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Self

from pydantic import Field, SecretStr, model_validator

from gateway.operators import AdapterSettings
from gateway.toolbox import BaseUrl, Currencies, TokenTemplate

Details = dict[str, str | int | bool | None]


class SabaSettings(AdapterSettings):
    """How to reach the operator, and what is agreed with it."""

    base_url: BaseUrl = Field(description="Everything before `placebet`, with its last slash.")
    key: SecretStr = Field(description="The vendor's key, which every request carries (`key`).")
    session_token: TokenTemplate = Field(
        default="{player}:{session}",
        description="How the game's session token holds the player's name (`userId`): `{player}` is it.",
    )
    currency: str = Field(description="The game's currency of all players: no answer names one.", min_length=1)
    currencies: Currencies = Field(
        description=(
            "How the operator names and counts `currency`: `codes` gives Saba's number of it, "
            "`factors` 1000 where it counts thousands; `places` has no effect, since amounts have up to six."
        )
    )
    player_ip: IPv4Address | IPv6Address = Field(
        description="The address that is sent as every player's, since the game's calls do not name one."
    )
    bet_details: Details = Field(
        default={}, description="Members that the operator needs in each `placebet`, such as `matchId` and `sportType`."
    )
    confirm_details: Details = Field(
        default={},
        description="Members that it needs in the ticket of each `confirmbet`, such as `odds` and `oddsType`.",
    )

    @model_validator(mode="after")
    def _require_currency_number(self) -> Self:
        if not self.currency_code.isdecimal():
            raise ValueError(f"`currencies.codes` has to give Saba's number of {self.currency}, like {{XAG: '20'}}")
        return self

    @property
    def currency_code(self) -> str:
        """Saba's number of the players' currency."""
        return self.currencies.operators_code(self.currency)
