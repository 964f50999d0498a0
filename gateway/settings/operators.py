"""One operator: who may call for it, how it is reached, and how much of the gateway it may use."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from gateway.settings.deliveries import DeliverySettings
from gateway.settings.far_sides import BreakerSettings, ConnectionSettings, LimitSettings, OperatorTls
from gateway.settings.launch import LaunchSettings
from gateway.settings.payments import PaymentSettings
from gateway.settings.section import Section
from gateway.settings.values import Name, Network, Secret, Share, Size, Timeout, Username


class CredentialSettings(Section):
    """What a caller authenticates with (HTTP Basic). Give `password` or `password_hash`."""

    username: Username
    """The user name. The game's also chooses the operator, so that each operator needs its own, unless `path_only` is
    set."""

    password: Secret | None = None
    """The password itself."""

    password_hash: Secret | None = None
    """Its Argon2 hash, as `mm-gateway hash-password` prints it."""


class TokenSettings(Section):
    """A bearer token. Give `token` or `token_hash`."""

    token: Secret | None = None
    """The token itself."""

    token_hash: Secret | None = None
    """Its Argon2 hash, as `mm-gateway hash-password` prints it."""


class InboundSettings(Section):
    """What the operator itself authenticates with when it calls the gateway at `operators_server`."""

    credentials: tuple[CredentialSettings, ...] = ()
    """HTTP Basic. With two, a password can be changed without an interruption. The path names the operator, so that two
    operators may have the same."""

    tokens: tuple[TokenSettings, ...] = ()
    """Bearer tokens, beside `credentials` or instead of them."""

    allow_ips: tuple[Network, ...] = ()
    """Addresses from which the operator calls, also with signed calls. Addresses that are on no operator's list get no
    response at all. Empty allows every address."""


class ObjectiveSettings(Section):
    """What is promised of the game's calls for this operator. `mm-gateway rules` prints the alerts that watch it."""

    calls: Share | None = None
    """The share of calls that are answered clearly: anything but errors 100, 121, 122 and 123. A decline is clear."""

    latency: Timeout | None = None
    """How long a call may take, as far as `latency_share` of them go."""

    latency_share: Share = 0.99
    """The share of calls that take no longer than `latency`."""


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

    retiring: bool = False
    """Whether it is about to be removed: new withdraws, deposits and launches are refused (RETIRING), and all that was
    begun before goes on to its end. `mm-gateway check --probe` says what of it is unfinished."""

    allow_ips: tuple[Network, ...] = ()
    """Addresses from which the game calls. Calls from other addresses get no response at all. Empty allows every
    address."""

    inbound: InboundSettings | None = None
    """How the operator itself may call, at `operators_server`. Without it, it cannot."""

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

    payment: PaymentSettings | None = None
    """What its payment system calls back with once a player has paid, and how the game is told. Without it, no payment
    is taken."""

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
