"""What is agreed with an operator that speaks Evolution's One Wallet API."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, SecretStr

from gateway.operators import AdapterSettings
from gateway.toolbox import BaseUrl, Currencies, TokenTemplate


class Confirm(StrEnum):
    """What is sent to the operator for a confirmWithdrawal."""

    ZERO_WIN = "zero_win"
    NONE = "none"


class EvolutionSettings(AdapterSettings):
    """How to reach the operator, and what is agreed with it."""

    base_url: BaseUrl = Field(description="Everything before `check` and `debit`.")
    auth_token: SecretStr = Field(description="The `authToken` in the query of every request.", min_length=1)
    session_token: TokenTemplate = Field(
        default="{player}:{session}",
        description=(
            "How session tokens are put together: `{player}` is the `userId`, `{session}` the `sid` (without it the "
            "whole token), and `{currency}` may be in it."
        ),
    )
    currency: str = Field(description="The game's currency of sessions whose token names none.", min_length=1)
    game_type: str = Field(description="The game's `game.type` at the operator.", min_length=1)
    table_id: str = Field(description="The game's `game.details.table.id` at the operator.", min_length=1)
    confirm: Confirm = Field(
        default=Confirm.ZERO_WIN,
        description="`zero_win` settles the debit with a `credit` of 0; `none` sends nothing, since a debit is final.",
    )
    cancel_has_debits_id: bool = Field(
        default=True,
        description=(
            "Whether the `transaction.id` of a `cancel` is the debit's; otherwise it has one of its own. "
            "Both name the debit by the same `refId`. "
            "Switch it off only for an operator that finds debits by `refId`: "
            "one that looks for `transaction.id` would know no debit, and the player's money could be lost."
        ),
    )
    settled_is_done: bool = Field(
        default=False,
        description=(
            "Whether `BET_ALREADY_SETTLED` acknowledges a `credit` or `cancel`. It does not say how the debit was "
            "settled: switch it on only if nobody but the gateway settles these debits."
        ),
    )
    currencies: Currencies = Currencies()
