"""What is agreed with an operator that is reached through MG+."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Literal

from pydantic import Field, SecretStr

from gateway.operators import AdapterSettings
from gateway.toolbox import BaseUrl, Currencies


class MgPlusSettings(AdapterSettings):
    """How to reach MG+, and what is agreed with it."""

    base_url: BaseUrl = Field(description="Everything before `v1/authenticate`, with its last slash.")
    secret: SecretStr = Field(description="The key of the HMAC-SHA256 signatures.")
    signature_encoding: Literal["hex", "base64"] = Field(
        default="hex",
        description="How a signature is written: `hex` (lower case) or `base64`; the guide does not say it.",
    )
    provider: str = Field(description="The game provider's name at MG+.", min_length=1)
    game: str = Field(description="The game's name at MG+.", min_length=1)
    player_ip: IPv4Address = Field(
        description="The IPv4 address that is sent as every player's, since the game's calls do not name one."
    )
    platform: Literal["desktop", "mobile"] = Field(
        default="desktop", description="What players play on: `desktop` or `mobile`; one for all."
    )
    confirm: Literal["zero_win", "none"] = Field(
        default="zero_win",
        description=(
            "`zero_win` finishes the debit's round with a credit of 0; "
            "`none` sends nothing, for an operator that needs no finished rounds."
        ),
    )
    unknown_debit: frozenset[str] = Field(
        default=frozenset(),
        description=(
            "The error codes that answer the rollback of a debit that MG+ never saw, and nothing else. "
            "The guide names none: then such an error is unknown, and the rollback is repeated."
        ),
    )
    currencies: Currencies = Field(
        default=Currencies(),
        description="How MG+ names and counts the game's currencies: `codes`, `places`, `factors`.",
    )
