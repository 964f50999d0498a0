"""What is agreed with an operator that speaks the game's own wallet format."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator

from gateway.operators import AdapterSettings, BaseUrl, Kind


class Already(StrEnum):
    """What an error code says was done before, and so which calls it acknowledges."""

    CONFIRMED = "confirmed"
    """Answers confirmWithdrawal and confirmDeposit: it did happen."""

    ROLLED_BACK = "rolled_back"
    """Answers rollbackWithdrawal and rollbackDeposit: it is undone."""


_INSTEAD: Final = (
    "a code that says what was done before belongs in `already`, "
    "such as `already: {111: rolled_back, 112: confirmed}`; any other is left out"
)


def _that_can_decline(kind: Kind) -> Kind:
    if kind in {Kind.DUPLICATE, Kind.ROLLED_BACK}:
        raise ValueError(f"{kind} proves nothing in `declines`: {_INSTEAD}")
    return kind


OTHER_ERROR: Final = 100

HttpStatus = Annotated[int, Field(ge=200, le=599)]


class QuantumSettings(AdapterSettings):
    """How to reach the operator, and what its error codes mean."""

    base_url: BaseUrl = Field(description="Everything before the endpoint's name, with its last slash.")
    username: str = Field(description="For HTTP Basic authentication at the operator.", pattern="^[^:]*$")
    password: SecretStr = Field(description="For HTTP Basic authentication at the operator.")
    declines: dict[int, Annotated[Kind, AfterValidator(_that_can_decline)]] = Field(
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
    def _say_one_thing(cls, already: dict[int, Already], info: ValidationInfo) -> dict[int, Already]:
        if OTHER_ERROR in already:
            raise ValueError(f"names {OTHER_ERROR}, which the contract prints as any other error: it proves nothing")
        declines = info.data.get("declines", {})
        both = [code for code in already if declines.get(code, Kind.OTHER) is not Kind.OTHER]
        if both:
            raise ValueError(f"says that {both[0]} was done, and `declines` says {declines[both[0]]}; name it once")
        return already
