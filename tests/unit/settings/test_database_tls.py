"""Whether the way to the database is open to whoever is on it: told when the configuration is checked."""

from __future__ import annotations

import pytest
import yaml

from gateway.settings import JournalSettings
from gateway.settings.loader import parse

OPEN = "whoever is on the way reads sessions, or answers in the database's place; "


@pytest.fixture(autouse=True)
def _no_mode_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGSSLMODE", raising=False)


def told(url: str, journal: str = "journal") -> list[str]:
    acme = {"adapter": "quantum", "credentials": [{"username": "JohnDoe", "password": "a-password-of-the-game"}]}
    section: object = {"url": url} if journal == "journal" else {"big": {"url": url}}
    if journal != "journal":
        acme["journal"] = "big"
    text = yaml.safe_dump({"operators": {"acme": acme}, journal: section})
    return [f"{each.field}: {each.text}" for each in parse(text, "gateway.yaml", {}).advice]


@pytest.mark.parametrize(
    "mode, said",
    [
        ("?sslmode=disable", "is not encrypted to db.example (sslmode=disable)"),
        ("?sslmode=allow", "is hardly ever encrypted to db.example (sslmode=allow)"),
        ("?sslmode=prefer", "may be made to go unencrypted to db.example (sslmode=prefer)"),
        ("", "may be made to go unencrypted to db.example (sslmode=prefer)"),
    ],
)
@pytest.mark.parametrize("place, field", [("journal", "journal.url"), ("journals", "journals.big.url")])
def test_a_way_that_is_open_is_advised_against(mode: str, said: str, place: str, field: str) -> None:
    assert told(f"postgresql://gateway:secret-word@db.example:5432/gateway{mode}", place) == [
        f"{field}: {said}: {OPEN}add ?sslmode=verify-full, and sslrootcert"
    ]


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_what_insists_on_tls_is_not(mode: str) -> None:
    assert told(f"postgresql://gateway@db.example/gateway?application_name=mm&sslmode={mode}") == []


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1:5433", "[::1]:5433", "postgres", "", "%2Fvar%2Frun%2Fpostgresql"]
)
def test_a_database_on_this_machine_needs_none(host: str) -> None:
    assert told(f"postgresql://gateway@{host}/gateway?sslmode=disable") == []


@pytest.mark.parametrize("url", ["localhost,db.example:5433/gateway", "10.0.0.7/gateway", "[2001:db8::7]/gateway"])
def test_one_far_host_among_several_and_an_address_are_seen(url: str) -> None:
    assert len(told(f"postgresql://gateway@{url}")) == 1


def test_a_host_behind_the_question_mark_is_one() -> None:
    assert len(told("postgresql:///gateway?host=db.example")) == 1
    assert told("postgresql:///gateway?host=/var/run/postgresql") == []


def test_what_the_environment_says_counts_where_the_url_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    assert told("postgresql://gateway@db.example/gateway") == []
    assert len(told("postgresql://gateway@db.example/gateway?sslmode=disable")) == 1


def test_a_password_behind_the_question_mark_is_a_secret() -> None:
    journal = JournalSettings(url="postgresql://gateway@db.example/gateway?password=pa%20ss&sslpassword=other")
    assert journal.passwords == ("pa ss", "other")
