"""What is agreed with an operator that speaks Hub88's operator protocol."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from gateway.operators import AdapterSettings
from gateway.toolbox import BaseUrl, CurrencyCodes, read_rsa_key


class Confirm(StrEnum):
    """What is sent to the operator for a confirmWithdrawal."""

    ZERO_WIN = "zero_win"
    NONE = "none"


def _require_readable_key(pem: SecretStr) -> SecretStr:
    read_rsa_key(pem.get_secret_value())
    return pem


class Hub88Settings(AdapterSettings):
    """How to reach the operator, and what is agreed with it."""

    base_url: BaseUrl = Field(description="Everything before `user/balance` and `transaction/bet`.")
    private_key: Annotated[SecretStr, AfterValidator(_require_readable_key)] = Field(
        description="The RSA key that requests are signed with, in PEM form without a passphrase."
    )
    game_code: str = Field(description="The game's code at the operator.", min_length=1)
    confirm: Confirm = Field(
        default=Confirm.ZERO_WIN,
        description="`zero_win` closes the bet's round with a win of 0; `none` sends nothing, since a bet is final.",
    )
    currencies: CurrencyCodes = Field(
        default={}, description="The operator's code for each of the game's currencies; those not named are the same."
    )
