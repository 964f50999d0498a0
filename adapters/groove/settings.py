"""What is agreed with an operator that speaks Groove's transaction API."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field, SecretStr

from gateway.operators import AdapterSettings
from gateway.toolbox import CurrencyCodes, TokenTemplate, Url


class Confirm(StrEnum):
    """What is sent to the operator for a confirmWithdrawal."""

    ZERO_WIN = "zero_win"
    NONE = "none"


class GrooveSettings(AdapterSettings):
    """How to reach the operator, and what is agreed with it."""

    url: Url = Field(description="The operator's endpoint, without a query.", pattern=r"^[^?]*$")
    security_key: SecretStr = Field(description="The key of the signature in `X-Groove-Signature`.")
    sign_request: Literal["none", "transactions", "all"] = Field(
        default="none",
        description=(
            "Whether the value of `request` is signed too: `none`, as the contract's text says; "
            "`transactions`, as its examples do (of `wager`, `result` and `rollback`); or `all`."
        ),
    )
    game_id: str = Field(description="The game's `gameid` at the operator.", min_length=1, max_length=100)
    session_token: TokenTemplate | None = Field(
        default=None,
        description=(
            "How session tokens are put together: `{player}:{session}` for `accountid` and `gamesessionid`. "
            "Without it a token is the `gamesessionid`, and the operator must find the account by that alone."
        ),
    )
    confirm: Confirm = Field(
        default=Confirm.ZERO_WIN,
        description="`zero_win` completes the round with a `result` of 0; `none` sends nothing: a wager is final.",
    )
    currencies: CurrencyCodes = Field(
        default={}, description="The operator's code for each of the game's currencies; those not named are the same."
    )
