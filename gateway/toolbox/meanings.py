"""Tables of what each code of an operator's answer proves, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, assert_never

from gateway.operators.errors import Declined, Kind, ParkNow, RetryLater, Unmapped


class Means(StrEnum):
    """What a code proves, where it is not a decline."""

    DONE = "done"
    """It was done, now or before: the code acknowledges this very call."""

    UNKNOWN = "unknown"
    """Nothing. A code that is left out of the table means the same; to list one shows that it was thought of."""

    RETRY_LATER = "retry_later"
    """The operator is busy and wants to be asked again."""

    PARK = "park"
    """No later try can succeed: a person must look."""


Meanings = Mapping[str | int, Kind | Means]
"""What each code means in answer to one kind of call: ``{300: Kind.FUNDS, 302: Means.UNKNOWN}``. A `Kind` is the
operator's clear no: list it only where the contract says that nothing was booked."""

RETRY_AFTER_S: Final = 5.0
"""When an operator is asked again that says "later" without a time."""


def require_done(meanings: Meanings, code: object, text: str, *, retry_after_s: float = RETRY_AFTER_S) -> None:
    """Returns if the code means that the call is done. `text` is what the journal and the log show otherwise.

    Raises `Declined`, `ParkNow`, `RetryLater`, or `Unmapped` for a code that proves nothing or is not in the table.
    """
    match _meaning_of(meanings, code):
        case Kind() as kind:
            raise Declined(kind, text)
        case Means.DONE:
            return
        case Means.UNKNOWN:
            raise Unmapped(text)
        case Means.RETRY_LATER:
            raise RetryLater(text, retry_after_s)
        case Means.PARK:
            raise ParkNow(text)
        case never:
            assert_never(never)


def _meaning_of(meanings: Meanings, code: object) -> Kind | Means:
    # An answer may hold anything: true is not the code 1, and a list is not a code.
    if isinstance(code, bool) or not isinstance(code, str | int):
        return Means.UNKNOWN
    return meanings.get(code, Means.UNKNOWN)
