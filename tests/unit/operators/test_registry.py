"""A plugin that is broken takes down nothing but itself, and says what is wrong with it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any, ClassVar

import pytest
from pydantic import ValidationError

from gateway.clock import SystemClock
from gateway.money import Money
from gateway.operators import Adapter, AdapterSettings, Player, Receipt, Session, Transfer, registry
from gateway.operators.registry import AdapterUnavailable
from gateway.settings import ConnectionSettings, OperatorSettings, OperatorTls
from gateway.telemetry.metrics import Metrics


class Works(Adapter):
    interface = 1

    class Settings(AdapterSettings):
        port: int

    async def verify_session(self, session: Session) -> Player:
        raise AssertionError

    async def get_balance(self, session: Session) -> Money:
        raise AssertionError

    async def withdraw(self, transfer: Transfer) -> Receipt:
        raise AssertionError

    confirm_withdrawal = rollback_withdrawal = deposit = confirm_deposit = rollback_deposit = withdraw


class OddSettings(Works):
    Settings: ClassVar[Any] = dict


class Unfinished(Adapter):
    interface = 1


class Undeclared(Works):
    interface: ClassVar[Any] = None


class OddFresh(Works):
    fresh = frozenset({"x-time"})


class Newer(Works):
    interface = 2


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    module = ModuleType("some_plugins")
    plugins = (Works, OddSettings, OddFresh, Unfinished, Undeclared, Newer)
    vars(module).update({plugin.__name__: plugin for plugin in plugins}, number=7, NoAdapter=dict)
    monkeypatch.setitem(sys.modules, "some_plugins", module)
    places = [
        ("works", "some_plugins:Works"),
        ("works", "some_plugins:Works"),  # an editable install is listed twice
        ("odd_settings", "some_plugins:OddSettings"),
        ("unfinished", "some_plugins:Unfinished"),
        ("undeclared", "some_plugins:Undeclared"),
        ("newer", "some_plugins:Newer"),
        ("odd_fresh", "some_plugins:OddFresh"),
        ("number", "some_plugins:number"),
        ("no_adapter", "some_plugins:NoAdapter"),
        ("no_module", "some_plugins_that_are_not_there:Works"),
        ("no_name", "some_plugins:Gone"),
        ("twice", "some_plugins:Works"),
        ("twice", "some_plugins:Unfinished"),
    ]
    found = tuple(EntryPoint(name, value, registry.GROUP) for name, value in places)
    monkeypatch.setattr(registry, "_entries", lambda: found)
    registry.adapter.cache_clear()
    yield
    registry.adapter.cache_clear()


def settings(adapter: str, **fields: Any) -> OperatorSettings:
    return OperatorSettings(adapter=adapter, **fields)


def test_the_adapters_that_ship_are_found_by_entry_point() -> None:
    assert registry.GROUP == "mm_gateway.adapters"
    assert "quantum" in registry.names()
    assert issubclass(registry.adapter("quantum"), Adapter)


@pytest.mark.usefixtures("plugins")
def test_only_what_works_is_an_adapter_and_all_else_is_a_problem() -> None:
    assert registry.adapters() == {"works": Works}
    assert {name for name in registry.names() if registry.problem(name) is not None} | {"works"} == set(
        registry.names()
    )


@pytest.mark.usefixtures("plugins")
@pytest.mark.parametrize(
    "name, says",
    [
        ("odd_settings", "has Settings that do not derive"),
        ("odd_fresh", 'declares \'x-time\' as fresh; write "header NAME", "query NAME" or "body NAME"'),
        ("unfinished", "lacks confirm_withdrawal, get_balance, rollback_withdrawal"),
        ("undeclared", "does not say which interface it was written for; declare `interface = 1`"),
        ("newer", "was written for version 2 of the interface, and this gateway has 1"),
        ("number", "is not an Adapter"),
        ("no_adapter", "is not an Adapter"),
        ("no_module", "does not load: ModuleNotFoundError"),
        ("no_name", "does not load: AttributeError"),
        ("twice", "several plugins call themselves 'twice': some_plugins:Unfinished, some_plugins:Works"),
        ("quantm", "there is no adapter 'quantm'; installed are: newer, no_adapter, no_module, no_name, number"),
    ],
)
def test_what_is_wrong_is_said_when_it_is_used(name: str, says: str) -> None:
    with pytest.raises(AdapterUnavailable, match=says):
        registry.validate(name, {})


@pytest.mark.usefixtures("plugins")
def test_settings_are_read_by_the_adapters_own_model() -> None:
    assert registry.validate("works", {"port": 7}) == Works.Settings(port=7)
    with pytest.raises(ValidationError) as caught:
        registry.validate("works", {"port": "x", "prot": 7})
    assert {error["loc"] for error in caught.value.errors()} == {("port",), ("prot",)}


@pytest.mark.usefixtures("plugins")
async def test_an_operator_is_built_from_its_settings() -> None:
    ours = settings("works", settings={"port": 7}, connections=ConnectionSettings(idle=0.0))
    operator = registry.build_operator("acme", ours, Metrics(), SystemClock())
    assert (operator.name, operator.settings, type(operator.adapter)) == ("acme", ours, Works)
    assert operator.adapter.settings == Works.Settings(port=7)
    await operator.close()


@pytest.mark.usefixtures("plugins")
def test_tls_files_that_are_not_there_are_an_error_at_once(tmp_path: Any) -> None:
    for tls in (OperatorTls(ca_file=tmp_path / "ca.pem"), OperatorTls(cert_file=tmp_path / "cert.pem")):
        with pytest.raises(OSError, match="No such file"):
            registry.build_operator("acme", settings("works", settings={"port": 7}, tls=tls), Metrics(), SystemClock())
