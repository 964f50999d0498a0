"""PEM files: what is wrong with a certificate, its key or a list of authorities, and what would be right.

Read before OpenSSL does, whose errors name neither the file nor the remedy.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from gateway.settings.files import read_file

ENDS_SOON: Final = timedelta(days=21)
"""How long before its end a certificate is spoken of: time enough to get another one."""

_MARK: Final = b"-----BEGIN "
_KEY_MARK: Final = b"PRIVATE KEY-----"


def wrong_with_pair(cert_file: Path, key_file: Path) -> Iterator[tuple[str, str]]:
    """Why these files cannot be used together: `cert_file` or `key_file`, and a sentence."""
    chain = _read(cert_file)
    if isinstance(chain, str):
        yield "cert_file", chain
        return
    certificates = _certificates(chain)
    if not certificates:
        yield "cert_file", _lacks(cert_file, chain, "certificate")
        return
    key = _private_key(key_file)
    if isinstance(key, str):
        yield "key_file", key
    elif _public(key) != certificates[0].public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo):
        text = (
            f"the key in {key_file} does not belong to the first certificate in {cert_file}: name the key that this "
            "certificate was made for (a renewed one has a new key), and put the chain behind the certificate"
        )
        yield "key_file", text


def wrong_with_authorities(file: Path) -> str | None:
    """Why no authority can be read from this file; None if one can."""
    text = _read(file)
    if isinstance(text, str):
        return text
    return None if _certificates(text) else _lacks(file, text, "certificate")


def holds_a_key(file: Path) -> bool:
    """Whether there is a private key in this file; False if it cannot be read."""
    text = _read(file)
    return not isinstance(text, str) and _KEY_MARK in text


def validity_advice(cert_file: Path, now: datetime | None = None) -> str | None:
    """That a certificate of the chain has ended, ends soon or is not valid yet; None if there is nothing to say."""
    text = _read(cert_file)
    certificates = [] if isinstance(text, str) else _certificates(text)
    if not certificates:
        return None
    now = now or datetime.now(UTC)
    ends_at = min(certificate.not_valid_after_utc for certificate in certificates)
    begins_at = max(certificate.not_valid_before_utc for certificate in certificates)
    if ends_at <= now:
        return f"the certificate in {cert_file} ended on {ends_at:%Y-%m-%d}, and nobody accepts it; renew it"
    if begins_at > now:
        return f"the certificate in {cert_file} is valid from {begins_at:%Y-%m-%d %H:%M} UTC on; look at the clock"
    if ends_at - now < ENDS_SOON:
        return f"the certificate in {cert_file} ends on {ends_at:%Y-%m-%d}; renew it before, and reload"
    return None


def _read(file: Path) -> bytes | str:
    """The file's content, or why it cannot be read."""
    try:
        return read_file(file)
    except OSError as error:
        return f"the file {file} cannot be read: {error.strerror}"


def _certificates(text: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(text)
    except ValueError:
        return []


def _private_key(file: Path) -> PrivateKeyTypes | str:
    """The key, or why there is none."""
    text = _read(file)
    if isinstance(text, str):
        return text
    try:
        return load_pem_private_key(text, password=None)
    except TypeError:  # what cryptography raises for one that needs a pass phrase
        return (
            f"the key in {file} is encrypted, and there is nobody to type its pass phrase: store it decrypted "
            f"(openssl pkey -in {file} -out FILE), readable by the gateway's user alone"
        )
    except (ValueError, UnsupportedAlgorithm):
        return _lacks(file, text, "private key")


def _lacks(file: Path, text: bytes, what: str) -> str:
    if not text.strip():
        return f"the file {file} is empty; it must hold a {what} in PEM"
    if _MARK not in text:
        return f"the file {file} is not PEM, which begins with {_MARK.decode()}…; openssl converts other forms"
    return f"the file {file} holds no {what} that can be read; look at it with openssl"


def _public(key: PrivateKeyTypes) -> bytes:
    der: bytes = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return der
