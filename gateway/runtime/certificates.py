"""When the certificates in use end, for the metrics: of the listeners, and those shown to operators and to the game."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cryptography import x509

from gateway.settings import Settings
from gateway.settings.files import read_file
from gateway.telemetry.gauges import Reading


def certificate_readings(settings: Settings) -> tuple[Reading, ...]:
    """When each certificate of the configuration ends (Unix seconds), read from its file now, as TLS has loaded it."""
    return tuple(
        Reading("certificate_expiry_timestamp_seconds", ends_at, (name,))
        for name, path in _files(settings)
        if (ends_at := _ends_at(path)) is not None
    )


def _files(settings: Settings) -> Iterator[tuple[str, Path]]:
    for name, listener in (
        ("server", settings.server),
        ("operators_server", settings.operators_server),
        ("admin", settings.admin),
    ):
        if listener is not None and listener.tls is not None:
            yield name, listener.tls.cert_file
    for name, operator in settings.operators.items():
        if operator.tls.cert_file is not None:
            yield f"operators.{name}", operator.tls.cert_file
        if operator.payment is not None and operator.payment.game.tls.cert_file is not None:
            yield f"operators.{name}.payment.game", operator.payment.game.tls.cert_file


def _ends_at(path: Path) -> float | None:
    """The end of the first certificate of its chain to end; None if the file cannot be read."""
    # TLS has loaded this file a moment ago. If it is gone or torn since, the next reload says so.
    try:
        chain = x509.load_pem_x509_certificates(read_file(path))
    except (OSError, ValueError):
        return None
    return min(certificate.not_valid_after_utc for certificate in chain).timestamp()
