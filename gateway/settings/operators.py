"""One operator: who may call for it, how it is reached, and how much of the gateway it may use."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from gateway.settings.deliveries import DeliverySettings
from gateway.settings.launch import LaunchSettings
from gateway.settings.section import Section
from gateway.settings.values import Duration, Name, Network, Secret, Share, Size, Timeout, Username


class CredentialSettings(Section):
    """What the game authenticates with (HTTP Basic). Give `password` or `password_hash`."""

    username: Username
    """The user name. It also chooses the operator, so each operator needs its own, unless `path_only` is set."""

    password: Secret | None = None
    """The password itself."""

    password_hash: Secret | None = None
    """Its Argon2 hash, as `mm-gateway hash-password` prints it."""


class LimitSettings(Section):
    """How much of the gateway one operator may use, so that one that hangs does not slow down the others."""

    concurrency: Annotated[int, Field(ge=1)] = 128
    """How many calls to the operator may run at the same time."""

    waiting: Annotated[int, Field(ge=0)] = 256
    """How many more calls may wait for a free slot; further ones are refused at once, and nothing is sent."""


class BreakerSettings(Section):
    """When calls to an operator that does not answer are stopped for a while. Reads, holds (withdraws and deposits) and
    ends (confirms and rollbacks) each have a circuit breaker of their own."""

    failures: Annotated[int, Field(ge=1)] = 10
    """How many calls in a row must get no answer of the operator's protocol before the circuit breaker opens. An error
    that the protocol knows is an answer."""

    open_for: Timeout = 5.0
    """How long nothing is sent then; after that, one call tries whether the operator answers again."""


class ConnectionSettings(Section):
    """The pool of connections to the operator."""

    connect_timeout: Timeout = 2.0
    """How long connecting (DNS, TCP, TLS) may take; it is part of the operator's timeout."""

    idle: Duration = 4.0
    """How long an unused connection is kept for the next call. Keep it shorter than the operator's own keep-alive time:
    if the operator closes a connection just as a withdraw is sent on it, that withdraw fails. 0s keeps none."""

    max_age: Timeout = 60.0
    """How long a connection is used before another one replaces it, however busy it is. Names are looked up every 30
    seconds, so an operator that moves to another address is followed within max_age and half a minute."""


class ObjectiveSettings(Section):
    """What is promised of the game's calls for this operator. `mm-gateway rules` prints the alerts that watch it."""

    calls: Share | None = None
    """The share of calls that are answered clearly: anything but errors 100, 121, 122 and 123. A decline is clear."""

    latency: Timeout | None = None
    """How long a call may take, as far as `latency_share` of them go."""

    latency_share: Share = 0.99
    """The share of calls that take no longer than `latency`."""


class OperatorTls(Section):
    """TLS towards the operator, if its base URL begins with https."""

    ca_file: Path | None = None
    """PEM file with the certificate authorities to trust, instead of the system's."""

    cert_file: Path | None = None
    """PEM file with the gateway's client certificate, for operators that ask for one."""

    key_file: Path | None = None
    """PEM file with its private key, if that is not in cert_file."""


class OperatorSettings(Section):
    """One operator."""

    adapter: str
    """The name of the adapter that speaks the operator's protocol."""

    settings: dict[str, Any] = Field(default={}, repr=False)
    """The adapter's own settings; see the adapter's page."""

    credentials: tuple[CredentialSettings, ...] = ()
    """What the game authenticates with; at least one. With two, a password can be changed without an interruption."""

    path_only: bool = False
    """Whether the credentials are only valid under /operators/NAME/wallet/…. They may then be the same as another
    operator's."""

    allow_ips: tuple[Network, ...] = ()
    """Addresses from which the game calls. Calls from other addresses get no response at all. Empty allows every
    address."""

    timeout: Timeout = 5.0
    """How long one call to the operator may take, from the wait for a connection to the end of the answer."""

    max_answer: Size = 256 * 1024
    """The largest answer that is read."""

    limits: LimitSettings = LimitSettings()
    """How much of the gateway the operator may use."""

    breaker: BreakerSettings = BreakerSettings()
    """When calls to an operator that does not answer are stopped for a while."""

    connections: ConnectionSettings = ConnectionSettings()
    """The pool of connections to the operator."""

    tls: OperatorTls = OperatorTls()
    """TLS towards the operator."""

    journal: Name = "default"
    """Which of the journals its transfers are kept in."""

    delivery: DeliverySettings = DeliverySettings()
    """What is different in the delivery to this operator; keys that are left out are as in the general `delivery`."""

    objectives: ObjectiveSettings = ObjectiveSettings()
    """What is promised of the game's calls for this operator."""

    launch: LaunchSettings | None = None
    """How the game's client is launched for this operator's players. Without it, launches are refused."""

    unknown_transfers: Literal["forward", "refuse"] = "forward"
    """What to do with a confirm or rollback of a transfer that this gateway has never seen: `forward` delivers it to
    the operator, `refuse` answers 500 (UNKNOWN_TRANSFER)."""

    trace_context: bool = True
    """Whether requests to the operator carry the header `traceparent` while calls are traced: random ids, by which the
    operator can find the same call. No signature covers it. Switch it off for an operator that refuses headers it does
    not know."""
