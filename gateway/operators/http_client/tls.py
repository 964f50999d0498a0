"""TLS towards an operator: its certificate is always verified; ours is sent if the operator asks for one."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final


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


def read_authorities_again() -> None:
    """Reads the system's authorities from their files, for every later `tls_context`.

    Raises `OSError` where there are none any more; those that were read before stay then.
    """
    context = _build(None)
    if _shared and _authorities(context) == 0 < _authorities(_shared[0]):
        raise OSError("the system's certificate authorities cannot be read any more")
    _shared[:] = [context]


_shared: Final[list[ssl.SSLContext]] = []
"""At most one context, for operators without TLS settings: reading the system's authorities takes 30 ms and a
megabyte."""


def _default_context() -> ssl.SSLContext:
    if not _shared:
        _shared.append(_build(None))
    return _shared[0]


def _authorities(context: ssl.SSLContext) -> int:
    return context.cert_store_stats()["x509_ca"]


def _build(ca_file: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context
