"""TLS towards an operator: its certificate is always verified; ours is sent if the operator asks for one."""

from __future__ import annotations

import ssl
from functools import cache
from pathlib import Path


def tls_context(ca_file: Path | None, cert_file: Path | None, key_file: Path | None) -> ssl.SSLContext:
    """Trusts `ca_file` instead of the system's authorities if given. Raises `OSError` for files that cannot be
    loaded."""
    if ca_file is None and cert_file is None:
        return _default_context()
    context = _build(ca_file)
    if cert_file is not None:
        # An empty pass phrase: without one OpenSSL would ask for it on the terminal, and the start would hang.
        context.load_cert_chain(cert_file, key_file, password="")
    return context


@cache
def _default_context() -> ssl.SSLContext:
    """Shared by operators without TLS settings: reading the system's authorities takes 30 ms and a megabyte."""
    return _build(None)


def _build(ca_file: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context
