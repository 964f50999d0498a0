"""What an operator's adapter is: one method for each wallet call, from typed call to typed answer.

An adapter has no state, no retry, no clock and no I/O but through the `Http` handed to it. It returns what the
operator clearly said, raises `Declined` for the operator's clear no, and need not catch anything: whatever else
comes out of it (a missing field, an unmapped code, a timeout) counts as unknown, never as success or a decline.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import msgspec
from pydantic import BaseModel, ConfigDict

from gateway.money import Money
from gateway.records import Session, Transfer


class HttpResponse(msgspec.Struct, frozen=True):
    """An operator's HTTP response, whole. Header names are in lower case; repeated ones are joined by commas (RFC 9110,
    5.3)."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Http(Protocol):
    """One operator's HTTP client: owns time budget, pool, TLS, body limit. Never follows, retries or repeats.

    Raises `Unsent` or `Unclear`; every status is an `HttpResponse`. URLs are ASCII and go out as they are written.
    The client adds Host, Content-Length and what else concerns the connection; `headers` holds the rest, Content-Type
    too.
    """

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> HttpResponse: ...
    async def get(self, url: str, headers: Mapping[str, str]) -> HttpResponse: ...


class AdapterSettings(BaseModel):
    """The base of an adapter's own `settings:`; unknown names are errors, so that a typing slip is found."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Player(msgspec.Struct, frozen=True, kw_only=True):
    """Whose session it is, with their balance; None if the operator gave none or it cannot be read.

    `memory` is kept with the session and comes back in every `Session` of this token.
    """

    player_id: str
    balance: Money | None
    nickname: str | None = None
    language: str | None = None
    country: str | None = None
    memory: Mapping[str, str] = {}


class Receipt(msgspec.Struct, frozen=True):
    """The operator's clear yes to a movement of money, with the player's balance after it, None if it gave none."""

    balance: Money | None = None


class Adapter(ABC):
    """One operator's protocol. A subclass names its `Settings` and implements every method.

    Every method may raise `Declined`. A `Transfer` carries its session, and its ids are the same on every try, so
    ids that the operator wants in a form of its own are derived from them (uuid5), never made up.
    """

    Settings: ClassVar[type[AdapterSettings]] = AdapterSettings

    needs_player: ClassVar[bool] = False
    """Whether calls that move money need the session's `player_id`. Where it is not known, the gateway then asks
    `verify_session` first and keeps what it learns with the transfer."""

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
    @abstractmethod
    async def deposit(self, transfer: Transfer) -> Receipt: ...
    @abstractmethod
    async def confirm_deposit(self, transfer: Transfer) -> Receipt: ...
    @abstractmethod
    async def rollback_deposit(self, transfer: Transfer) -> Receipt: ...
