"""A way to the database that is open to whoever is on it, or lacks files: told when the configuration is checked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from gateway.settings import JournalSettings, SettingsError
from gateway.settings.loader import parse

OPEN = "whoever is on the way reads sessions, or answers in the database's place; "


FAR = "postgresql://gateway:secret-word@db.example/gateway"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of the user, with authorities of databases, and an environment that says nothing of TLS."""
    for name in ("PGSSLMODE", "PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".postgresql").mkdir()
    (tmp_path / ".postgresql" / "root.crt").touch()
    return tmp_path


def refused(url: str, journal: str = "journal") -> list[str]:
    """The problems; empty if there are none."""
    try:
        told(url, journal)
    except SettingsError as error:
        return [f"{each.field}: {each.text}" for each in error.problems]
    return []


def told(url: str, journal: str = "journal") -> list[str]:
    """The advice. Raises `SettingsError`."""
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


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full", "verify_full"])
@pytest.mark.parametrize("place, field", [("journal", "journal.url"), ("journals", "journals.big.url")])
def test_authorities_that_are_not_there_are_refused(mode: str, place: str, field: str) -> None:
    assert refused(f"{FAR}?sslmode={mode}&sslrootcert=/missing/ca.pem", place) == [
        f"{field}: sslrootcert: there is no file /missing/ca.pem"
    ]


@pytest.mark.parametrize("mode", ["allow", "prefer", "require", "verify-full"])
@pytest.mark.parametrize("key", ["sslcert", "sslkey"])
def test_a_client_certificate_and_key_that_are_not_there_are_refused(key: str, mode: str) -> None:
    assert refused(f"{FAR}?sslmode={mode}&{key}=%2Fmissing") == [f"journal.url: {key}: there is no file /missing"]


def test_a_file_that_the_environment_names_is_read_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSSLROOTCERT", "/missing/ca.pem")
    assert refused(f"{FAR}?sslmode=verify-ca") == ["journal.url: PGSSLROOTCERT: there is no file /missing/ca.pem"]
    assert refused(f"{FAR}?sslmode=verify-ca&sslrootcert={__file__}") == []


def test_a_file_that_this_user_may_not_read_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert refused(f"{FAR}?sslmode=require&sslrootcert={__file__}") == [
        f"journal.url: sslrootcert: the file {__file__} cannot be read by this user; change its permissions"
    ]


@pytest.mark.parametrize(
    "query",
    [
        "sslmode=prefer&sslrootcert=/missing",  # nothing is verified
        "sslmode=disable&sslrootcert=/missing&sslcert=/missing&sslkey=/missing",
        "sslmode=require",
        f"sslmode=verify-full&sslrootcert={__file__}&sslcert={__file__}&sslkey={__file__}",
    ],
)
def test_files_that_are_not_read_need_not_be_there(query: str) -> None:
    assert refused(f"{FAR}?{query}") == []


def test_the_system_s_authorities_are_to_be_named_by_their_file() -> None:
    # asyncpg takes it for a file in the working directory; libpq does not.
    (said,) = refused(f"{FAR}?sslmode=verify-full&sslrootcert=system")
    assert said.startswith('journal.url: sslrootcert: "system" is not known here; name the file ')


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
def test_a_default_file_of_authorities_that_is_not_there_is_advised_against(home: Path, mode: str) -> None:
    file = home / ".postgresql" / "root.crt"
    assert told(f"{FAR}?sslmode={mode}") == []
    file.unlink()
    assert told(f"{FAR}?sslmode={mode}&sslrootcert={__file__}") == []
    assert told(f"{FAR}?sslmode=require") == []
    (said,) = told(f"{FAR}?sslmode={mode}")
    assert said == (
        f"journal.url: needs sslrootcert: without it sslmode={mode} reads the authorities from the home of the "
        f"gateway's user, and there is no file {file}"
    )


def test_a_user_without_a_home_has_no_default_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError

    monkeypatch.setattr(Path, "home", no_home)
    (said,) = told(f"{FAR}?sslmode=verify-full")
    assert said.endswith("from the home of the gateway's user, and this user has none")
