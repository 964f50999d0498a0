from __future__ import annotations

import base64

import pytest
from pydantic import SecretStr, ValidationError

from gateway.settings import DeliverySettings, JournalSettings, OperatorSettings, ServerSettings, Settings, key_bytes


def test_the_contracts_own_schedule_is_the_default() -> None:
    delivery = Settings().delivery
    assert delivery.schedule == (0, 5, 10, 20, 40, 120, 300, 600, 1800)
    assert delivery.then_every == 3600
    assert delivery.until == 48 * 3600


def test_the_configuration_cannot_be_changed_once_read() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().server.port = 1


def test_an_unknown_key_is_an_error() -> None:
    with pytest.raises(ValidationError, match="extra_forbidden"):
        ServerSettings.model_validate({"prot": 8080})


def test_an_operators_delivery_overlays_the_general_one_key_by_key() -> None:
    settings = Settings(
        delivery=DeliverySettings(until=100, jitter=0.2),
        operators={
            "as-all": OperatorSettings(adapter="x"),
            "own": OperatorSettings(adapter="x", delivery=DeliverySettings(until=7)),
        },
    )
    assert settings.operators["as-all"].delivery == settings.delivery
    assert settings.operators["own"].delivery.until == 7
    assert settings.operators["own"].delivery.jitter == 0.2


def test_every_journal_is_known_by_the_name_that_operators_use() -> None:
    other = JournalSettings(url="postgresql://db.example/other")
    settings = Settings(journals={"other": other})
    assert settings.every_journal == {"default": settings.journal, "other": other}


def test_no_secret_is_in_what_is_printed_of_a_configuration() -> None:
    settings = Settings(
        journal=JournalSettings(
            url="postgresql://u:hunter2@db.example/x", encryption_key=SecretStr(base64.b64encode(bytes(32)).decode())
        ),
        operators={"acme": OperatorSettings(adapter="x", settings={"password": "hunter2"})},
    )
    assert "hunter2" not in repr(settings)
    assert "AAAA" not in repr(settings)


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_an_encryption_key_is_32_bytes_in_either_base64(encode: object) -> None:
    key = bytes(range(224, 256))
    assert callable(encode)
    assert key_bytes(encode(key).decode()) == key


@pytest.mark.parametrize(
    "text", ["", "short", base64.b64encode(bytes(31)).decode(), base64.b64encode(bytes(33)).decode(), "ä" * 44]
)
def test_what_is_no_encryption_key_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="must be 32 random bytes in base64; `openssl rand -base64 32` makes one"):
        JournalSettings(url="sqlite:///x.db", encryption_key=SecretStr(text))


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///journal.db",
        "sqlite:////var/lib/j.db",
        "postgresql://u:p@h:5432/d",
        "postgres://h/d",
        "postgres://u@a:1,b/d",
    ],
)
def test_a_journal_is_a_file_or_a_postgresql(url: str) -> None:
    assert JournalSettings(url=url).url == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "sqlite://journal.db",
        "journal.db",
        "mysql://h/d",
        "postgresql://h:port/d",
        "postgresql://[h/d",
        "postgres://a,b:0/d",
    ],
)
def test_what_is_no_journal_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="must be sqlite:///FILE or postgresql://"):
        JournalSettings(url=url)


def test_a_journals_password_is_known_as_written_and_as_meant() -> None:
    assert JournalSettings(url="postgresql://u:p%40ss@h/d").passwords == ("p%40ss", "p@ss")
    assert JournalSettings(url="sqlite:///journal.db").passwords == ()


@pytest.mark.parametrize("password", ["p/w", "p@w", "p#w", "p?w", "12/3", "@", "pa:ss/w@rd"])
def test_a_password_that_would_become_a_host_is_refused_with_the_remedy(password: str) -> None:
    with pytest.raises(ValidationError, match="percent-encode"):
        JournalSettings(url=f"postgresql://gateway:{password}@db.example:5432/gateway")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://gateway:p%2Fw%40%23@db.example:5432/gateway",
        "postgresql://gateway:p:w@db-1:5432,db-2:5433/gateway?sslmode=verify-full",
        "postgresql://db.example/gateway",
        "postgresql:///gateway?host=/run/postgresql",
    ],
)
def test_a_url_whose_parts_are_clear_is_taken(url: str) -> None:
    assert JournalSettings(url=url).url == url
