"""The listeners: `server` for the game, `operators_server` for operators, `admin` for whoever runs the gateway."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from gateway.settings.section import Section
from gateway.settings.values import FixedPath, Network, PathTemplate, Port, Secret, Size, Timeout


class ListenerTls(Section):
    """TLS of a listener."""

    cert_file: Path
    """PEM file: the certificate, followed by its chain."""

    key_file: Path
    """PEM file: the private key, without a pass phrase."""

    client_ca_file: Path | None = None
    """PEM file with certificate authorities. Clients must then show a certificate from one of them; without it, none is
    asked for."""


class ServerSettings(Section):
    """The listener that the game calls."""

    section: ClassVar = "server"
    allow_list: ClassVar = "operators.NAME.allow_ips"

    host: str = "0.0.0.0"  # noqa: S104 - the game calls from elsewhere
    """Address to listen on."""

    port: Port = 8080
    """Port to listen on; 0 lets the system choose one."""

    tls: ListenerTls | None = None
    """Serve HTTPS. Without it, let a proxy in front of the gateway do so."""

    request_timeout: Timeout = 10.0
    """How long one call may take. Then the game is answered 500 (PENDING), the connection is closed, and the call goes
    on. Keep it above the operators' timeouts and below the game's own."""

    read_timeout: Timeout = 5.0
    """How long a client may take to send one whole request, from its first byte. A new connection that has sent nothing
    for as long is closed."""

    idle_timeout: Timeout = 75.0
    """How long a connection may be idle before it is closed."""

    stop_timeout: Timeout = 15.0
    """How long running calls may take to finish after the gateway is told to stop. What is unfinished then is in the
    journal, and is finished after the next start or by another instance."""

    max_body: Size = 64 * 1024
    """The largest request body that is read; for a rollback, up to 8 MiB are read because of its reason."""

    max_header: Size = 8 * 1024
    """The largest request line, and the largest single header, that are read."""

    max_headers: Annotated[int, Field(ge=1, le=1000)] = 64
    """How many headers of a request are read; one with more is refused."""

    max_head: Size = 16 * 1024
    """The largest head of a request: its request line and all headers together."""

    max_unfinished: Size = 32 * 2**20
    """How much is held at the same time of all requests that have not arrived whole. Where there is more, the
    connection is closed whose request began first."""

    max_connections: Annotated[int, Field(ge=1)] = 10_000
    """How many connections may be open at the same time; more are closed without a response. Where file descriptors are
    few, fewer: each listener has its part of them."""

    max_connections_per_address: Annotated[int, Field(ge=1)] | None = None
    """How many of them may come from one address (IPv6: from one /64); without it, half of max_connections. Those of
    trusted_proxies are not limited. Behind a proxy that is not listed there, set it to max_connections."""

    trusted_proxies: tuple[Network, ...] = ()
    """Proxies whose X-Forwarded-For header is believed when an operator's allow_ips are checked. Their connections are
    not limited by max_connections_per_address."""


class PathSettings(Section):
    """The paths that operators call. `{name}` stands for the operator."""

    query_withdrawal: PathTemplate = "/operators/{name}/payment/queryWithdrawal"
    """What became of a withdrawal?"""

    query_deposit: PathTemplate = "/operators/{name}/payment/queryDeposit"
    """What became of a deposit?"""

    launch: PathTemplate = "/operators/{name}/launch"
    """Where can the player's game be opened?"""

    payment: PathTemplate = "/operators/{name}/pay/quantum"
    """A player has paid."""

    common_payment: FixedPath | None = "/pay/quantum"
    """The same for every operator: it is the one with whose secret the signature is right. `null` switches it off."""


class OperatorsServerSettings(ServerSettings):
    """The listener that operators call."""

    section: ClassVar = "operators_server"
    allow_list: ClassVar = "operators.NAME.inbound.allow_ips"

    port: Port = 8081
    """Port to listen on; 0 lets the system choose one."""

    request_timeout: Timeout = 10.0
    """How long one call may take. Then it is answered 500 (PENDING), the connection is closed, and the call goes on."""

    stop_timeout: Timeout = 15.0
    """How long running calls may take to finish after the gateway is told to stop. Both listeners stop together: the
    longer one of both times counts."""

    max_body: Size = 64 * 1024
    """The largest request body that is read."""

    trusted_proxies: tuple[Network, ...] = ()
    """Proxies whose X-Forwarded-For header is believed when `allow_ips` of an operator's `inbound` are checked. Their
    connections are not limited by max_connections_per_address."""

    paths: PathSettings = PathSettings()
    """The paths that operators call."""


class AdminSettings(Section):
    """The listener for health and metrics. Keep it away from the game and from the internet."""

    section: ClassVar = "admin"

    host: str = "127.0.0.1"
    """Address to listen on."""

    port: Port = 9090
    """Port to listen on; 0 lets the system choose one."""

    max_connections: Annotated[int, Field(ge=1)] = 64
    """How many connections may be open at the same time, half of them from one address; more are closed without a
    response."""

    token: Secret | None = None
    """Bearer token that every page but /healthz and /readyz asks for. Without it, every page is open."""

    tls: ListenerTls | None = None
    """Serve HTTPS."""
