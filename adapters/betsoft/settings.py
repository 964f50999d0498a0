"""What is agreed with an operator that serves Betsoft's Common Wallet protocol."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field, SecretStr

from gateway.operators import AdapterSettings
from gateway.toolbox import BaseUrl, CurrencyCodes


class Method(StrEnum):
    """A method of the wallet, as its address is named unless `endpoints` says otherwise."""

    AUTHENTICATE = "authenticate"
    BALANCE = "getBalance"
    BET_RESULT = "betResult"
    REFUND_BET = "refundBet"
    STATUS = "getStatus"


class BetsoftSettings(AdapterSettings):
    """How to reach the operator, and what is agreed with it."""

    base_url: BaseUrl = Field(description="Everything before the methods' names.")
    endpoints: dict[Method, str] = Field(
        default={}, description="What follows `base_url`, for methods whose address does not end with their name."
    )
    parameters: Literal["form", "query"] = Field(
        default="form", description="`form` sends them in the body of a POST, `query` in the URL of a GET."
    )
    pass_key: SecretStr = Field(description="The secret at the end of every text that is hashed.", min_length=1)
    game_id: str = Field(description="The game's `gameId` at the operator.", min_length=1)
    send_token: bool = Field(default=False, description="Whether every request carries the player's `token`.")
    constants: dict[str, SecretStr] = Field(
        default={}, description="Parameters that every request carries: `bankId`, `apiPassword`. They are not hashed."
    )
    ask_again_for_s: float = Field(
        default=300.0,
        ge=0,
        description="For how many seconds after a withdraw began an unknown transaction (302) may still be on its way.",
    )
    confirm: Literal["zero_win", "none"] = Field(
        default="zero_win",
        description="`zero_win` closes the bet's round with a win of 0; `none` sends nothing, since a bet is final.",
    )
    currencies: CurrencyCodes = Field(
        default={}, description="The operator's code for each of the game's currencies; those not named are the same."
    )
