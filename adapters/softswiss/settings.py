"""What is agreed with an operator that serves the SOFTSWISS wallet API."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import Field, SecretStr, model_validator

from gateway.operators import AdapterSettings
from gateway.toolbox import BaseUrl, Currencies, TokenTemplate


class Version(StrEnum):
    """Of the wallet API."""

    V2 = "v2"
    V1 = "v1"


class Confirm(StrEnum):
    """What is sent for a confirmWithdrawal."""

    CLOSE_ROUND = "close_round"
    NONE = "none"


class SoftswissSettings(AdapterSettings):
    """How to reach the operator, and what is agreed with it."""

    base_url: BaseUrl = Field(description="Everything before `betwin` (or `play`).")
    auth_token: SecretStr = Field(description="The key with which requests are signed.", min_length=1)
    game_id: str = Field(description="The game's id at the operator.", min_length=1)
    version: Version = Field(default=Version.V2, description="`v2` sends `betwin`; `v1` sends `play`.")
    session_token: TokenTemplate = Field(
        default="{player}:{session}",
        description="How the operator makes session tokens: `{player}` is the account's id; `{currency}` may be in it.",
    )
    currency: str = Field(description="The game's currency of sessions whose token names none.", min_length=1)
    confirm: Confirm = Field(
        default=Confirm.CLOSE_ROUND,
        description="`close_round` sends `finish`, which `v1` does not have; `none` sends nothing: a bet is final.",
    )
    currencies: Currencies = Currencies()

    @model_validator(mode="after")
    def _require_closable_rounds(self) -> Self:
        if self.version is Version.V1 and self.confirm is Confirm.CLOSE_ROUND:
            raise ValueError("`version: v1` has no call that closes a round; write `confirm: none`")
        return self
