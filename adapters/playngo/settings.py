"""What is agreed with an operator that serves Play'n GO's wallet protocol."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, SecretStr

from gateway.operators import AdapterSettings
from gateway.toolbox import BaseUrl, Currencies


class Confirm(StrEnum):
    """What is sent to the operator for a confirmWithdrawal."""

    CLOSE_ROUND = "close_round"
    NONE = "none"


class PlayngoSettings(AdapterSettings):
    """How to reach the operator, and what is agreed with it."""

    base_url: BaseUrl = Field(description="Everything before `authenticate`, `reserve` and the other methods' names.")
    one_url: bool = Field(
        default=False, description="Send every method to `base_url` itself; the root element then names the method."
    )
    access_token: SecretStr = Field(description="The secret that both sides share; it stands in every request.")
    product_id: str = Field(description="The operator's `productId`.", min_length=1)
    game_id: str = Field(description="The game's `gameId` at the operator.", min_length=1)
    confirm: Confirm = Field(
        default=Confirm.CLOSE_ROUND,
        description="`close_round` sends a release of 0 with `state` 1; `none` sends nothing: a reserve is final.",
    )
    currencies: Currencies = Currencies()
