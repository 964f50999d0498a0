"""Pages of the admin listener of the gateway that runs on this machine, for commands that ask it."""

from __future__ import annotations

import json
import os
import ssl
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any, Final, NamedTuple

from gateway.cli.errors import CommandFailed, CommandMisused
from gateway.settings import AdminSettings, ListenerTls
from gateway.settings.admin_part import read_admin
from gateway.settings.files import as_text, read_file, read_given_file

TIMEOUT_S: Final = 4.0
"""Longer than the two seconds after which a hanging journal makes a gateway unready, so that it is heard saying so."""

LOOPBACK: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where such a listener is reached from here

OK: Final = 200


class AdminPage(NamedTuple):
    """What the listener answered."""

    status: int
    body: bytes

    @property
    def members(self) -> dict[str, Any]:
        """Those of the JSON object in the body; empty if it holds none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


def admin_settings(path: Path) -> AdminSettings:
    """Where the listener is, from the configuration file. Raises `CommandMisused` or `SettingsError`."""
    try:
        text = as_text(read_given_file(path))
    except (OSError, ValueError) as error:
        raise CommandMisused(f"{path}: cannot be read ({type(error).__name__})") from None
    settings = read_admin(text, str(path), os.environ)
    if settings.port == 0:
        raise CommandMisused("admin.port is 0, so only the gateway itself knows its port; give it a number")
    return settings


def ask_admin(settings: AdminSettings, page: str, token: str = "") -> AdminPage:
    """Asks for a page; with `token` as its bearer. Raises `CommandFailed`."""
    host = LOOPBACK.get(settings.host, settings.host)
    connection = _connection(host, settings)
    try:
        connection.connect()
        if token:
            _require_own_certificate(connection, settings)
        connection.request("GET", page, headers={"Authorization": f"Bearer {token}"} if token else {})
        response = connection.getresponse()
        return AdminPage(response.status, response.read())
    except (OSError, HTTPException) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error) or type(error).__name__
        raise CommandFailed(f"no answer from the admin listener on {host}:{settings.port}: {why}") from None
    finally:
        connection.close()


def _connection(host: str, settings: AdminSettings) -> HTTPConnection:
    if settings.tls is None:
        return HTTPConnection(host, settings.port, timeout=TIMEOUT_S)
    return HTTPSConnection(host, settings.port, timeout=TIMEOUT_S, context=_tls_context(settings.tls))


def _tls_context(tls: ListenerTls) -> ssl.SSLContext:
    # A gateway is not dead because its certificate has ended, or names another host than this one.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if tls.client_ca_file is not None:  # the gateway's own certificate is the only one at hand
        context.load_cert_chain(tls.cert_file, tls.key_file)
    return context


def _require_own_certificate(connection: HTTPConnection, settings: AdminSettings) -> None:
    """Before a token is sent. Raises `CommandFailed` for another certificate than the one in the file."""
    if settings.tls is None:
        return
    assert isinstance(connection.sock, ssl.SSLSocket)
    if connection.sock.getpeercert(binary_form=True) != _first_certificate(settings.tls.cert_file):
        raise CommandFailed(
            "the admin listener shows another certificate than admin.tls.cert_file holds, so it was not sent the "
            "token; if the file was renewed, reload the gateway"
        )


def _first_certificate(path: Path) -> bytes:
    """In DER. Empty if the file holds none."""
    text = read_file(path).decode("latin-1")
    begin, end = text.find(ssl.PEM_HEADER), text.find(ssl.PEM_FOOTER)
    return ssl.PEM_cert_to_DER_cert(text[begin : end + len(ssl.PEM_FOOTER)]) if 0 <= begin < end else b""
