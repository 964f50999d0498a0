"""What an operator's adapter is: one method for each wallet call, from typed call to typed answer. Version 1.

An adapter has no state, no retry, no clock and no I/O but through the `Http` handed to it. It returns what the
operator clearly said, raises `Declined` for the operator's clear no, and need not catch anything: whatever else
comes out of it (a missing field, an unmapped code, a timeout) counts as unknown, never as success or a decline.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar, Final

import msgspec
from pydantic import BaseModel, ConfigDict

from gateway.money import Money
from gateway.operators.errors import Declined, Kind, ParkNow, Unclear
from gateway.records import Session, Transfer

INTERFACE_VERSION: Final = 1
"""The version of this interface. It grows when an adapter that was written for an older one would no longer work."""

Headers = Mapping[str, str] | Sequence[tuple[str, str]]
"""A request's headers, in the order in which they are sent. A name that comes several times needs the second form."""


class HttpResponse(msgspec.Struct, frozen=True):
    """An operator's HTTP response, whole. Header names are in lower case; repeated ones are joined by commas (RFC 9110,
    5.3)."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Http(ABC):
    """One operator's HTTP client: owns time budget, pool, TLS, body limit. Never follows, retries or repeats.

    Raises `Unsent` or `Unclear`; every status is an `HttpResponse`. URLs are ASCII and go out as they are written.
    The client adds Host, Content-Length and what else concerns the connection; `headers` holds the rest, Content-Type
    too.
    """

    @abstractmethod
    async def request(self, method: str, url: str, *, headers: Headers = (), body: bytes | None = None) -> HttpResponse:
        """One request of any method. A `body` of None sends no Content-Length; many servers want one with a POST or
        PUT that says nothing: ``b""``."""

    # Not `async`: a coroutine that only waits for another one costs every call of the hot path.

    def post(self, url: str, body: bytes, headers: Headers = ()) -> Awaitable[HttpResponse]:
        """A POST with this body."""
        return self.request("POST", url, headers=headers, body=body)

    def get(self, url: str, headers: Headers = ()) -> Awaitable[HttpResponse]:
        """A GET without a body."""
        return self.request("GET", url, headers=headers)

    @abstractmethod
    def now(self) -> float:
        """The time of this try in Unix seconds, for what the adapter has declared as `fresh`."""

    @abstractmethod
    def nonce(self) -> str:
        """32 random hex digits, for what the adapter has declared as `fresh`."""


class AdapterSettings(BaseModel):
    """The base of an adapter's own `settings:`; unknown names are errors, so that a typing slip is found."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Player(msgspec.Struct, frozen=True, kw_only=True):
    """Whose session it is, with their balance; None if the operator gave none or it cannot be read.

    `memory` is kept with the session and comes back in every `Session` of this token: at most `MEMORY_ENTRIES` texts,
    4096 characters in all. `player_id` has at most 512 characters, no control characters; whatever has more is unclear.
    What else has more than 256 is left out.
    """

    player_id: str
    balance: Money | None
    nickname: str | None = None
    language: str | None = None
    country: str | None = None
    memory: Mapping[str, str] = {}


class Receipt(msgspec.Struct, frozen=True):
    """The operator's clear yes to a movement of money, with the player's balance after it, None if it gave none.

    `memory` is what the operator gave that later calls of this transfer need (its own transaction id, say). It is
    written with the receipt, and comes back as `transfer.memory`, together with what earlier receipts gave. At most
    `MEMORY_ENTRIES` texts, `MEMORY_CHARACTERS` in all; people see it (`transfers show`), so it may hold no secret.
    """

    balance: Money | None = None
    memory: Mapping[str, str] = {}


MEMORY_ENTRIES: Final = 16
MEMORY_CHARACTERS: Final = 2048
"""The most that a transfer remembers, names and texts together."""


class TransferStatus(StrEnum):
    """What has become of a transfer at the operator, as the operator tells it when asked (`Adapter.look_up`)."""

    HELD = "held"
    """It has the hold, and no end of it is known there."""

    CONFIRMED = "confirmed"
    ROLLED_BACK = "rolled_back"
    NOT_FOUND = "not_found"
    """It never heard of the hold. As after the same answer to a rollback, the hold may still be on its way."""


class Adapter(ABC):
    """One operator's protocol. A subclass declares the version of the interface that it was written for
    (`interface = 1`), names its `Settings` and implements every abstract method.

    Every method may raise `Declined`. A `Transfer` carries its session, and its ids are the same on every try, so
    ids that the operator wants in a form of its own are derived from them (uuid5), never made up.

    A contract without deposits leaves their three methods as they are; one that can be asked what became of a transfer
    implements `look_up`.
    """

    interface: ClassVar[int]
    """The `INTERFACE_VERSION` that the adapter was written for; it has to be declared."""

    Settings: ClassVar[type[AdapterSettings]] = AdapterSettings

    needs_player: ClassVar[bool] = False
    """Whether calls that move money need the session's `player_id`. Where it is not known, the gateway then asks
    `verify_session` first and keeps what it learns with the transfer."""

    fresh: ClassVar[frozenset[str]] = frozenset()
    """What differs from try to try, because the contract wants the time of the try or a number used once:
    ``header x-timestamp``, ``query nonce``, ``body creationTimeMs`` (a member, a form's field or an XML element).
    A signature over these is named too. Everything else is the same bytes on every try, ids above all."""

    def __init__(self, settings: Any, http: Http) -> None:
        self.settings = settings
        self.http = http

    @abstractmethod
    async def verify_session(self, session: Session) -> Player: ...
    @abstractmethod
    async def get_balance(self, session: Session) -> Money: ...
    @abstractmethod
    async def withdraw(self, transfer: Transfer) -> Receipt: ...
    @abstractmethod
    async def confirm_withdrawal(self, transfer: Transfer) -> Receipt: ...
    @abstractmethod
    async def rollback_withdrawal(self, transfer: Transfer) -> Receipt: ...

    async def deposit(self, transfer: Transfer) -> Receipt:
        raise Declined(Kind.OTHER, f"{NO_DEPOSITS}; nothing was sent")

    async def confirm_deposit(self, transfer: Transfer) -> Receipt:
        raise ParkNow(f"{NO_DEPOSITS}, so that none can be confirmed")

    async def rollback_deposit(self, transfer: Transfer) -> Receipt:
        raise Declined(Kind.NOT_FOUND, f"{NO_DEPOSITS}, so that there is none to undo")

    async def look_up(self, transfer: Transfer) -> TransferStatus:
        """Asks the operator what has become of the transfer. Used after an end whose answer was unclear, and before an
        end is given up: a status that is the wanted end counts as the operator's yes to it. Raises whatever the other
        methods raise; `RetryLater` and `ParkNow` count for an end whose answer was unclear."""
        raise Unclear(NO_LOOK_UP)

    def can_look_up(self) -> bool:
        """Whether this operator can be asked: whether the adapter implements `look_up`, unless it says otherwise
        because that depends on its settings."""
        return implements_look_up(type(self))


NO_DEPOSITS: Final = "this operator's contract has no deposits"
NO_LOOK_UP: Final = "this operator cannot be asked what became of a transfer"


def implements_look_up(adapter: type[Adapter]) -> bool:
    """Whether the adapter has a `look_up`, perhaps under some of its settings only (`Adapter.can_look_up`)."""
    return adapter.look_up is not Adapter.look_up
