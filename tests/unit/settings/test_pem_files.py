from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from gateway.settings.pem_files import validity_advice, wrong_with_authorities, wrong_with_pair
from tests.support.certificates import Authority

HOST = "gateway.example"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


def a_key(file: Path, pass_phrase: bytes | None = None) -> Path:
    encryption = NoEncryption() if pass_phrase is None else BestAvailableEncryption(pass_phrase)
    key = ec.generate_private_key(ec.SECP256R1())
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    return file


def test_a_certificate_and_its_key_are_well(authority: Authority) -> None:
    pair = authority.certificate(HOST)
    assert list(wrong_with_pair(pair, pair)) == []


def test_a_renewed_certificate_with_the_old_key_is_told(tmp_path: Path, authority: Authority) -> None:
    old_key = a_key(tmp_path / "old.pem")
    ((key, text),) = wrong_with_pair(authority.certificate(HOST), old_key)
    assert key == "key_file"
    assert text.startswith(f"the key in {old_key} does not belong to the first certificate in ")


def test_an_encrypted_key_is_told_with_the_command_that_decrypts_it(tmp_path: Path, authority: Authority) -> None:
    ((key, text),) = wrong_with_pair(authority.certificate(HOST), a_key(tmp_path / "key.pem", b"pass phrase"))
    assert key == "key_file"
    assert "is encrypted" in text
    assert f"openssl pkey -in {tmp_path}/key.pem" in text


@pytest.mark.parametrize(
    "content, said",
    [
        (b"", "is empty; it must hold a certificate in PEM"),
        (b"\x30\x82\x01", "is not PEM, which begins with -----BEGIN"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "holds no certificate that can be read"),
    ],
)
def test_a_file_without_a_certificate_is_told(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "cert.pem"
    file.write_bytes(content)
    ((key, text),) = wrong_with_pair(file, file)
    assert key == "cert_file"
    assert text.startswith(f"the file {file} {said}")
    assert wrong_with_authorities(file) == text


def test_a_key_file_without_a_key_is_told(tmp_path: Path, authority: Authority) -> None:
    empty = tmp_path / "key.pem"
    empty.touch()
    assert list(wrong_with_pair(authority.certificate(HOST), empty)) == [
        ("key_file", f"the file {empty} is empty; it must hold a private key in PEM")
    ]
    assert list(wrong_with_pair(authority.certificate(HOST), tmp_path / "none.pem")) == [
        ("key_file", f"the file {tmp_path}/none.pem cannot be read: No such file or directory")
    ]


def test_an_authority_is_well(authority: Authority) -> None:
    assert wrong_with_authorities(authority.file) is None


@pytest.mark.parametrize(
    "days, said",
    [(-1, "ended on"), (5, "ends on"), (40, None)],
)
def test_the_end_of_a_certificate_is_told_in_time(authority: Authority, days: int, said: str | None) -> None:
    file = authority.certificate(HOST, valid_until=datetime.now(UTC) + timedelta(days=days))
    told = validity_advice(file)
    assert told is None if said is None else said in (told or "")


def test_a_certificate_of_the_future_is_told(authority: Authority) -> None:
    told = validity_advice(authority.certificate(HOST), now=datetime.now(UTC) - timedelta(days=365))
    assert "look at the clock" in (told or "")
