"""How an operator names and counts currencies: settings that an adapter takes as one field or as single parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from gateway.money import FRACTION_DIGITS, Money, unchecked_money
from gateway.toolbox.amounts import ISO_4217_PLACES

T = TypeVar("T")

USUAL_PLACES: Final = 2
"""The digits after the point of a currency that neither the settings nor `ISO_4217_PLACES` name."""


def _require_distinct_names(named: dict[str, T]) -> dict[str, T]:
    if len({ours.casefold() for ours in named}) < len(named):
        raise ValueError("names one of the game's currencies twice; upper and lower case are the same")
    return named


def _require_distinct_codes(codes: dict[str, str]) -> dict[str, str]:
    # Operators answer with currencies in any case, so codes that differ only in case would be one.
    if len({code.casefold() for code in codes.values()}) < len(codes):
        raise ValueError("gives two of the game's currencies the same code")
    return codes


def _require_power_of_ten(factor: int) -> int:
    # By any other number some amounts could not be divided exactly.
    if str(factor).rstrip("0") != "1":
        raise ValueError("is not 1, 10, 100, 1000 or another power of ten")
    return factor


CurrencyCodes = Annotated[
    dict[str, str], AfterValidator(_require_distinct_codes), AfterValidator(_require_distinct_names)
]
"""The operator's code for each of the game's currencies, upper and lower case being the same: ``{"XAG": "EUR"}``."""

_Places = Annotated[int, Field(ge=0, le=FRACTION_DIGITS)]
_Factor = Annotated[int, AfterValidator(_require_power_of_ten)]


def operators_code(codes: Mapping[str, str], ours: str) -> str:
    """The operator's code for one of the game's currencies, in any case; the same code where `codes` names none."""
    return _value_of(codes, ours, ours)


def games_code(codes: Mapping[str, str], theirs: str) -> str:
    """The game's code for one of the operator's currencies, in any case; the same code where `codes` names none."""
    return next((name for name, code in codes.items() if code.casefold() == theirs.casefold()), theirs)


class Currencies(BaseModel):
    """A part of an adapter's settings: ``currencies: Currencies = Currencies()``. Currencies that it does not name have
    the game's code, and the minor unit of ISO 4217 for the operator's. All names are the game's, in any case."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    codes: CurrencyCodes = Field(
        default={}, description="The operator's code for each of the game's currencies; those not named are the same."
    )
    places: Annotated[dict[str, _Places], AfterValidator(_require_distinct_names)] = Field(
        default={},
        description=(
            "The digits after the point that the operator counts with; otherwise those of ISO 4217 for its code, or 2."
        ),
    )
    factors: Annotated[dict[str, _Factor], AfterValidator(_require_distinct_names)] = Field(
        default={}, description="How many units of the game's currency the operator counts as one: 1000 for thousands."
    )

    def operators_code(self, ours: str) -> str:
        """The operator's code for one of the game's currencies."""
        return operators_code(self.codes, ours)

    def games_code(self, theirs: str) -> str:
        """The game's code for one of the operator's currencies."""
        return games_code(self.codes, theirs)

    def places_of(self, ours: str) -> int:
        """The digits after the point with which the operator counts this currency of the game."""
        theirs = self.operators_code(ours).upper()
        return _value_of(self.places, ours, ISO_4217_PLACES.get(theirs, USUAL_PLACES))

    def operators_money(self, amount: Money) -> Money:
        """The game's amount in the operator's currency and units: 15000 IDR is 15 IDR where it counts thousands."""
        return unchecked_money(
            amount.amount, self.operators_code(amount.currency), self._factor_digits_of(amount.currency)
        )

    def games_money(self, amount: Money) -> Money:
        """The inverse of `operators_money`; the size is not checked, as in `gateway.money.unchecked_money`."""
        ours = self.games_code(amount.currency)
        return unchecked_money(amount.amount, ours, -self._factor_digits_of(ours))

    def _factor_digits_of(self, ours: str) -> int:
        return len(str(_value_of(self.factors, ours, 1))) - 1


def _value_of(named: Mapping[str, T], ours: str, otherwise: T) -> T:
    return next((value for name, value in named.items() if name.casefold() == ours.casefold()), otherwise)
