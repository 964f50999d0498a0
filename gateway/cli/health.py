"""`mm-gateway health`: asks the running gateway whether it is well, wherever its admin listener is."""

from __future__ import annotations

import json
import os
import ssl
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from gateway.cli.configuration import require_path
from gateway.cli.errors import CommandFailed, CommandMisused
from gateway.cli.options import Config
from gateway.cli.printing import print_line
from gateway.settings import AdminSettings, ListenerTls
from gateway.settings.admin_part import read_admin
from gateway.settings.files import as_text, read_given_file

TIMEOUT_S: Final = 2.0
"""As long as a journal may take to answer before it counts as not ready."""

LOOPBACK: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where such a listener is reached from here

_OK: Final = 200


def health(
    *,
    ready: Annotated[
        bool, typer.Option("--ready", help="Whether it may be sent calls now; without it: whether it is alive.")
    ] = False,
    config: Config = None,
) -> None:
    """Ask the gateway that runs with this configuration, on this machine, whether it is well.

    Exit status 0: it is. 1: it is not, or does not answer; the text says why. 2: the configuration does not say where
    it is.
    """
    page, word = ("/readyz", "ready") if ready else ("/healthz", "alive")
    settings = _admin_settings(require_path(config))
    if settings.port == 0:
        raise CommandMisused("admin.port is 0, so only the gateway itself knows its port; give it a number")
    status, answer = ask_admin(settings, page)
    problems = answer.get("problems")
    if status != _OK:
        raise CommandFailed("; ".join(problems) if problems else f"the admin listener answered HTTP {status}")
    print_line(word)


def _admin_settings(path: Path) -> AdminSettings:
    try:
        text = as_text(read_given_file(path))
    except (OSError, ValueError) as error:
        raise CommandMisused(f"{path}: cannot be read ({type(error).__name__})") from None
    return read_admin(text, str(path), os.environ)


def ask_admin(settings: AdminSettings, page: str) -> tuple[int, dict[str, Any]]:
    """The status and the JSON object that the page answers with. Raises `CommandFailed`."""
    host = LOOPBACK.get(settings.host, settings.host)
    connection = _connection(host, settings)
    try:
        connection.request("GET", page)
        response = connection.getresponse()
        return response.status, _members(response.read())
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
    # Nothing secret is sent or believed, and a gateway is not dead because its certificate has ended, or names another
    # host than this one.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if tls.client_ca_file is not None:  # the gateway's own certificate is the only one at hand
        context.load_cert_chain(tls.cert_file, tls.key_file)
    return context


def _members(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
