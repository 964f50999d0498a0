"""Where the gateway listens: to the game, and to whoever runs it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from gateway.settings.section import Section
from gateway.settings.values import Network, Port, Secret, Size, Timeout


class ListenerTls(Section):
    """TLS of a listener."""

    cert_file: Path
    """PEM file: the certificate, followed by its chain."""

    key_file: Path
    """PEM file: the private key, without a pass phrase."""

    client_ca_file: Path | None = None
    """PEM file with the authorities whose client certificates are required. Without it none is asked for."""


class ServerSettings(Section):
    """The listener that the game calls."""

    host: str = "0.0.0.0"  # noqa: S104 - the game calls from elsewhere
    """Address to listen on."""

    port: Port = 8080
    """Port to listen on; 0 lets the system choose one."""

    tls: ListenerTls | None = None
    """Serve HTTPS. Without it something in front of the gateway should."""

    request_timeout: Timeout = 10.0
    """How long one call may take before the game is answered that its end is still being worked on, and its connection
    closed. Keep it above the operators' timeouts and below the game's own."""

    read_timeout: Timeout = 5.0
    """How long a client may take to send one whole request once it has begun."""

    idle_timeout: Timeout = 75.0
    """How long a kept-alive connection may lie idle."""

    stop_timeout: Timeout = 15.0
    """How long calls in flight may take to finish once the gateway is told to stop. What is unfinished then is in the
    journal, and is finished from there."""

    max_body: Size = 64 * 1024
    """The largest request body that is read."""

    max_header: Size = 8 * 1024
    """The largest request line, and the largest header, that are read."""

    max_connections: Annotated[int, Field(ge=1)] = 10_000
    """How many connections may be open at once; more are closed unanswered."""

    trusted_proxies: tuple[Network, ...] = ()
    """Proxies whose X-Forwarded-For is believed when an operator's allow_ips are checked."""


class AdminSettings(Section):
    """The listener for health, metrics and commands. Not for the game, not for the internet."""

    host: str = "127.0.0.1"
    """Address to listen on."""

    port: Port = 9090
    """Port to listen on; 0 lets the system choose one."""

    token: Secret | None = None
    """Bearer token that is asked for everywhere but on /healthz and /readyz. Without it nothing is asked for."""

    tls: ListenerTls | None = None
    """Serve HTTPS."""
