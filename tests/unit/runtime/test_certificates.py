from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway.runtime.certificates import certificate_readings
from gateway.settings import AdminSettings, ListenerTls, OperatorSettings, OperatorTls, ServerSettings, Settings
from tests.support.certificates import Authority

ENDS_AT = datetime(2030, 5, 6, tzinfo=UTC)


def settings(server: Path | None = None, operator: Path | None = None) -> Settings:
    tls: dict[str, Any] = {"tls": None if server is None else ListenerTls(cert_file=server, key_file=server)}
    acme = OperatorSettings(adapter="quantum", tls=OperatorTls(cert_file=operator))
    return Settings(server=ServerSettings(**tls), admin=AdminSettings(**tls), operators={"acme": acme})


def test_each_certificate_in_use_is_told_with_its_end(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    ours = authority.certificate("localhost", valid_until=ENDS_AT)
    found = certificate_readings(settings(ours, ours))
    assert [(reading.labels, reading.value) for reading in found] == [
        (("server",), ENDS_AT.timestamp()),
        (("admin",), ENDS_AT.timestamp()),
        (("operators.acme",), ENDS_AT.timestamp()),
    ]


def test_of_a_chain_the_first_end_counts(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    ours = authority.certificate("localhost", valid_until=ENDS_AT)
    ours.write_bytes(ours.read_bytes() + authority.file.read_bytes())
    (found,) = certificate_readings(settings(operator=ours))
    assert found.value < ENDS_AT.timestamp()


def test_without_tls_or_with_a_file_that_is_gone_nothing_is_claimed(tmp_path: Path) -> None:
    torn = tmp_path / "torn.pem"
    torn.write_text("no certificate")
    assert certificate_readings(settings()) == ()
    assert certificate_readings(settings(torn, tmp_path / "gone.pem")) == ()
