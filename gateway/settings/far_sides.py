"""How whoever is called is reached: an operator, or the game where it is told of payments."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from gateway.settings.section import Section
from gateway.settings.values import Duration, Timeout


class LimitSettings(Section):
    """How much of the gateway one operator may use, so that one that hangs does not slow down the others. The same for
    the game, where it is told of payments."""

    concurrency: Annotated[int, Field(ge=1)] = 128
    """How many calls may run at the same time."""

    waiting: Annotated[int, Field(ge=0)] = 256
    """How many more calls may wait for a free slot; further ones are refused at once, and nothing is sent."""


class BreakerSettings(Section):
    """When calls to an operator that does not answer are stopped for a while. Reads, holds (withdraws and deposits) and
    ends (confirms and rollbacks) each have a circuit breaker of their own. The game has one for payments."""

    failures: Annotated[int, Field(ge=1)] = 10
    """How many calls in a row must get no answer of the operator's protocol before the circuit breaker opens. An error
    that the protocol knows is an answer."""

    open_for: Timeout = 5.0
    """How long nothing is sent then; after that, one call tries whether there is an answer again."""


class ConnectionSettings(Section):
    """The pool of connections to an operator, or to the game where it is told of payments."""

    connect_timeout: Timeout = 2.0
    """How long connecting (DNS, TCP, TLS) may take; it is part of `timeout`."""

    idle: Duration = 4.0
    """How long an unused connection is kept for the next call. Keep it shorter than the other side's keep-alive time:
    if an operator closes a connection just as a withdraw is sent on it, that withdraw fails. 0s keeps none."""

    max_age: Timeout = 60.0
    """How long a connection is used before another one replaces it, however busy it is. Names are looked up every 30
    seconds, so an operator that moves to another address is followed within max_age and half a minute."""


class OperatorTls(Section):
    """TLS towards an operator, or the game, if the address begins with https."""

    ca_file: Path | None = None
    """PEM file with the certificate authorities to trust, instead of the system's."""

    cert_file: Path | None = None
    """PEM file with the gateway's client certificate, for those that ask for one."""

    key_file: Path | None = None
    """PEM file with its private key, if that is not in cert_file."""
