"""One operator: who may call for it, how to reach it, and how much of the gateway it may use."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from gateway.settings.deliveries import DeliverySettings
from gateway.settings.section import Section
from gateway.settings.values import Duration, Name, Network, Secret, Size, Timeout, Username


class CredentialSettings(Section):
    """What the game authenticates with (HTTP Basic). Give `password` or `password_hash`."""

    username: Username
    """The user name; it also chooses the operator, so no other operator may have the same."""

    password: Secret | None = None
    """The password itself."""

    password_hash: Secret | None = None
    """Its Argon2 hash, as `mm-gateway hash-password` prints it."""


class LimitSettings(Section):
    """How much of the gateway one operator may use, so that one that hangs slows no other."""

    concurrency: Annotated[int, Field(ge=1)] = 128
    """How many calls to the operator are under way at once."""

    waiting: Annotated[int, Field(ge=0)] = 256
    """How many more wait for a place; further calls are refused at once, and nothing is sent."""


class BreakerSettings(Section):
    """When the operator is left alone for a while. Reads, holds (withdraws and deposits) and ends (confirms and
    rollbacks) have a breaker each."""

    failures: Annotated[int, Field(ge=1)] = 10
    """How many calls in a row must get no answer of the operator's protocol to open the breaker. An error that the
    protocol knows is an answer."""

    open_for: Timeout = 5.0
    """How long nothing is sent then, before one call probes whether the operator is back."""


class ConnectionSettings(Section):
    """The pool of connections to the operator."""

    connect_timeout: Timeout = 2.0
    """How long connecting (name, TCP, TLS) may take, within the operator's timeout."""

    idle: Duration = 4.0
    """How long an unused connection is kept for the next call. Keep it under the operator's own keep-alive time: a
    connection that the operator closes just as a withdraw goes out costs that withdraw. 0s keeps none."""


class OperatorTls(Section):
    """TLS towards the operator, where its base address is https."""

    ca_file: Path | None = None
    """PEM file with the authorities to trust, instead of the system's."""

    cert_file: Path | None = None
    """PEM file: the certificate that the gateway shows, for operators that ask for one."""

    key_file: Path | None = None
    """PEM file: its private key, if it is not in cert_file."""


class OperatorSettings(Section):
    """One operator."""

    adapter: str
    """The name of the adapter that speaks the operator's protocol."""

    settings: dict[str, Any] = Field(default={}, repr=False)
    """The adapter's own settings; see the adapter's page."""

    credentials: tuple[CredentialSettings, ...] = ()
    """What the game may authenticate with; at least one. Several let a password be changed without a gap."""

    path_only: bool = False
    """Whether the credentials count under /operators/NAME/wallet/… alone. They may then be the same as another
    operator's."""

    allow_ips: tuple[Network, ...] = ()
    """Addresses from which the game calls. Calls from elsewhere get no answer at all. Empty allows every address."""

    timeout: Timeout = 5.0
    """How long one call to the operator may take, from waiting for a connection to the end of its answer."""

    max_answer: Size = 256 * 1024
    """The largest answer that is read."""

    limits: LimitSettings = LimitSettings()
    """How much of the gateway the operator may use."""

    breaker: BreakerSettings = BreakerSettings()
    """When the operator is left alone for a while."""

    connections: ConnectionSettings = ConnectionSettings()
    """The pool of connections to the operator."""

    tls: OperatorTls = OperatorTls()
    """TLS towards the operator."""

    journal: Name = "default"
    """Which of the journals its transfers are kept in."""

    delivery: DeliverySettings = DeliverySettings()
    """What is different about the delivery to this operator; keys that are left out are as in the general delivery."""

    unknown_transfers: Literal["forward", "refuse"] = "forward"
    """What to do with a confirm or rollback of a transfer that never went through this gateway: forward it and bring it
    to its end, or refuse it."""
