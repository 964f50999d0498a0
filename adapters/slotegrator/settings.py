"""What is agreed with an operator that serves Slotegrator's GIS callbacks."""

from __future__ import annotations

from pydantic import Field, SecretStr

from gateway.operators import AdapterSettings
from gateway.toolbox import CurrencyCodes, TokenTemplate, Url


class SlotegratorSettings(AdapterSettings):
    """How to reach the operator, and what is agreed with it."""

    url: Url = Field(description="The callback address.")
    merchant_id: str = Field(description="The operator's merchant id.", pattern="^[!-~]+$")
    merchant_key: SecretStr = Field(description="The key with which requests are signed.", min_length=1)
    game_uuid: str = Field(description="The game's id at the operator.", min_length=1)
    session_token: TokenTemplate = Field(
        default="{player}:{session}",
        description="How the operator makes session tokens: `{player}` is its `player_id`; `{currency}` may be in it.",
    )
    currency: str = Field(description="The game's currency of sessions whose token names none.", min_length=1)
    currencies: CurrencyCodes = Field(
        default={}, description="The operator's code for each of the game's currencies; those not named are the same."
    )
