"""What is agreed with an operator that serves EvenBet's Seamless Wallet API."""

from __future__ import annotations

from pydantic import Field, SecretStr

from gateway.operators import AdapterSettings
from gateway.toolbox import Currencies, TokenTemplate, Url


class EvenBetSettings(AdapterSettings):
    """How to reach the operator, and what is agreed with it."""

    url: Url = Field(description="The callback address.")
    seamless_key: SecretStr = Field(description="The key with which requests are signed.", min_length=1)
    session_token: TokenTemplate = Field(
        default="{player}:{session}",
        description="How the operator makes session tokens: `{player}` is its `userId`; `{currency}` may be in it.",
    )
    currency: str = Field(description="The game's currency of sessions whose token names none.", min_length=1)
    client_id: str = Field(default="", description="`clientId`, which casino integrations need; empty sends none.")
    game_id: int | None = Field(
        default=None,
        description="`gameId`, which casino integrations need together with the round; without it, neither.",
    )
    bet_type: str = Field(default="", description="`betType` of withdraws, which casino integrations need.")
    currencies: Currencies = Currencies()
