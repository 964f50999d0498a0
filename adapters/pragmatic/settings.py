"""What is agreed with an operator that speaks Pragmatic Play's seamless wallet API."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, SecretStr

from gateway.operators import AdapterSettings
from gateway.toolbox import BaseUrl, CurrencyCodes


class Confirm(StrEnum):
    """What is sent to the operator for a confirmWithdrawal."""

    ZERO_WIN = "zero_win"
    CLOSE_ROUND = "close_round"
    NONE = "none"


class PragmaticSettings(AdapterSettings):
    """How to reach the operator, and what is agreed with it."""

    base_url: BaseUrl = Field(description="Everything before `bet.html`.")
    provider_id: str = Field(description="The `providerId` that the operator knows the gateway by.", min_length=1)
    secret_key: SecretStr = Field(description="The key at the end of every text that `hash` is made of.")
    game_id: str = Field(description="The game's `gameId` at the operator.", min_length=1, max_length=32)
    confirm: Confirm = Field(
        default=Confirm.ZERO_WIN,
        description=(
            "`zero_win` settles the bet with a `result.html` of 0; `close_round` sends `endRound.html`; "
            "`none` sends nothing, since a bet is final."
        ),
    )
    not_found_codes: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        default=(),
        description=(
            "The operator's own error codes that say to a refund that it never saw the bet. "
            "The contract's way to say it is a success without a `transactionId`."
        ),
    )
    currencies: CurrencyCodes = Field(
        default={}, description="The operator's code for each of the game's currencies; those not named are the same."
    )
