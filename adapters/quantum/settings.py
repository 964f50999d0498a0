"""What is agreed with an operator that speaks the game's own wallet format.

The contract prints one error code, 100, and one HTTP status of errors, 500 (wallet contract, "Transport"); all other
codes and statuses are agreed with each operator.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator

from gateway.operators import AdapterSettings, Kind, TransferStatus
from gateway.toolbox import BaseUrl


class Already(StrEnum):
    """What was done before, as an error code says it; so which calls the code acknowledges."""

    CONFIRMED = "confirmed"
    """Acknowledges confirmWithdrawal and confirmDeposit."""

    ROLLED_BACK = "rolled_back"
    """Acknowledges rollbackWithdrawal and rollbackDeposit."""


_ALREADY_HINT: Final = (
    "a code that says what was done before belongs in `already`, "
    "such as `already: {111: rolled_back, 112: confirmed}`; any other is left out"
)


def _require_decline_kind(kind: Kind) -> Kind:
    if kind in {Kind.DUPLICATE, Kind.ROLLED_BACK}:
        raise ValueError(f"{kind} proves nothing in `declines`: {_ALREADY_HINT}")
    return kind


OTHER_ERROR: Final = 100

STATES: Final = {
    "CONFIRMED": TransferStatus.CONFIRMED,
    "ROLLED_BACK": TransferStatus.ROLLED_BACK,
    "PENDING": TransferStatus.HELD,
    "NOT_FOUND": TransferStatus.NOT_FOUND,
}
"""The states in which this gateway itself answers operators that ask."""

HttpStatus = Annotated[int, Field(ge=200, le=599)]


class QuerySettings(AdapterSettings):
    """How the operator is asked what became of a transfer. The vendor prints that there is such a query, and nothing
    more: what is preset is this gateway's own format."""

    url: BaseUrl = Field(description="Everything before the query's name, with its last slash.")
    withdraw: str = Field(default="queryWithdrawal", description="The name of the query for withdrawals.")
    deposit: str | None = Field(
        default="queryDeposit", description="The same for deposits; null if the operator has none."
    )
    id_member: str = Field(
        default="mmTransactionId",
        description="The member of the query that names the transfer. The answer must repeat it.",
    )
    state_member: str = Field(default="state", description="The member of the answer that tells the state.")
    states: dict[str, TransferStatus] = Field(
        default=STATES,
        description=(
            "What each state means: `confirmed`, `rolled_back`, `held` (not decided, or not known to have ended), or "
            "`not_found`, the operator's word that it never heard of the transfer. Any other state proves nothing."
        ),
    )


class QuantumSettings(AdapterSettings):
    """How to reach the operator, and what its error codes mean."""

    base_url: BaseUrl = Field(description="Everything before the endpoint's name, with its last slash.")
    username: str = Field(description="For HTTP Basic authentication at the operator.", pattern="^[^:]*$")
    password: SecretStr = Field(description="For HTTP Basic authentication at the operator.")
    declines: dict[int, Annotated[Kind, AfterValidator(_require_decline_kind)]] = Field(
        default={},
        description=(
            "The operator's error codes that prove that nothing was booked, and why it declined. "
            "The contract prints only 100, which proves nothing: any code not named here counts as unknown."
        ),
    )
    already: dict[int, Already] = Field(
        default={},
        description=(
            "The operator's error codes that say that it was done before: `confirmed` acknowledges a confirm, "
            "`rolled_back` a rollback, and neither any other call."
        ),
    )
    error_statuses: tuple[HttpStatus, ...] = Field(
        default=(500,),
        min_length=1,
        description=(
            "The HTTP statuses under which the codes above count. "
            "Under any other status an error body is an error too, but a proxy may have said it: it proves nothing."
        ),
    )

    query: QuerySettings | None = Field(
        default=None,
        description="How the operator is asked what became of a transfer; without it, it is not asked.",
    )

    @field_validator("already")
    @classmethod
    def _require_consistent_codes(cls, already: dict[int, Already], info: ValidationInfo) -> dict[int, Already]:
        if OTHER_ERROR in already:
            raise ValueError(f"names {OTHER_ERROR}, which the contract prints as any other error: it proves nothing")
        declines = info.data.get("declines", {})
        both = [code for code in already if declines.get(code, Kind.OTHER) is not Kind.OTHER]
        if both:
            raise ValueError(f"says that {both[0]} was done, and `declines` says {declines[both[0]]}; name it once")
        return already
