"""What is agreed with an operator that speaks the game's own wallet format.

The contract prints one error code, 100, and one HTTP status of errors, 500 (wallet contract, "Transport"); all other
codes and statuses are agreed with each operator.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator

from gateway.operators import AdapterSettings, Kind
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

HttpStatus = Annotated[int, Field(ge=200, le=599)]


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
