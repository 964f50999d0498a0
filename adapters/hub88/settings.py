"""What is agreed with an operator that speaks Hub88's operator protocol."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr, field_validator

from adapters.hub88.signing import read_key
from gateway.operators import AdapterSettings, BaseUrl


class Confirm(StrEnum):
    """What the operator wants to hear when a bet is final."""

    ZERO_WIN = "zero_win"
    NONE = "none"


def _checked_key(pem: SecretStr) -> SecretStr:
    read_key(pem.get_secret_value())
    return pem


class Hub88Settings(AdapterSettings):
    """How to reach the operator, and what is agreed with it."""

    base_url: BaseUrl = Field(description="Everything before `user/balance` and `transaction/bet`.")
    private_key: Annotated[SecretStr, AfterValidator(_checked_key)] = Field(
        description="The RSA key that requests are signed with, in PEM form without a passphrase."
    )
    game_code: str = Field(description="The game's code at the operator.", min_length=1)
    confirm: Confirm = Field(
        default=Confirm.ZERO_WIN,
        description="`zero_win` closes the bet's round with a win of 0; `none` sends nothing, since a bet is final.",
    )
    currencies: dict[str, str] = Field(
        default={}, description="The operator's code for each of the game's currencies; those not named are the same."
    )

    @field_validator("currencies")
    @classmethod
    def _can_be_told_apart(cls, currencies: dict[str, str]) -> dict[str, str]:
        if len({code.casefold() for code in currencies.values()}) < len(currencies):
            raise ValueError("gives two of the game's currencies the same code")
        if len({ours.casefold() for ours in currencies}) < len(currencies):
            raise ValueError("names one of the game's currencies twice; upper and lower case are the same")
        return currencies

    def operators_currency(self, ours: str) -> str:
        """The operator's code for one of the game's, whatever its case."""
        return next((code for name, code in self.currencies.items() if name.casefold() == ours.casefold()), ours)

    def games_currency(self, theirs: str) -> str:
        """The game's code for one of the operator's, whatever its case."""
        return next((name for name, code in self.currencies.items() if code.casefold() == theirs.casefold()), theirs)
