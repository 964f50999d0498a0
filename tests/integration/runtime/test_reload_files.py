"""Whatever comes from a file is read again at a reload, also where the configuration names it as before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from gateway.operators.http_client import tls
from gateway.runtime import ConfigurationUnusable
from gateway.runtime.active_operators import _names_a_file
from gateway.wire.calls import WalletCall
from tests.support.certificates import Authority, server_context
from tests.support.rude_operator import polite, rude_operator
from tests.support.runtimes import running, settings_for


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The system's bundle of certificate authorities: OpenSSL reads its place from the environment."""
    file = tmp_path / "bundle.pem"
    file.write_bytes(Authority(tmp_path, "old root").file.read_bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    tls._shared.clear()
    yield file
    tls._shared.clear()


def append(bundle: Path, more: Path) -> None:
    bundle.write_bytes(bundle.read_bytes() + more.read_bytes())


def empty(bundle: Path) -> None:
    bundle.write_text("")


async def test_a_new_authority_of_the_system_is_trusted_after_a_reload(tmp_path: Path, bundle: Path) -> None:
    authority = Authority(tmp_path, "new root")
    async with rude_operator(polite, tls=server_context(authority.certificate("127.0.0.1"))) as operator:
        acme = {
            "adapter": "quantum",
            "settings": {"base_url": f"https://127.0.0.1:{operator.port}/", "username": "u", "password": "password"},
            "credentials": [{"username": "JohnDoe", "password": "MyPass"}],
        }
        settings = settings_for(tmp_path, {"acme": acme})
        async with running(settings) as gateway:
            await gateway.call(WalletCall.GET_BALANCE)
            assert operator.requests == []
            append(bundle, authority.file)
            await gateway.runtime.reload(settings)
            await gateway.call(WalletCall.GET_BALANCE)
            assert len(operator.requests) == 1


async def test_a_reload_is_refused_while_the_system_has_no_authorities(tmp_path: Path, bundle: Path) -> None:
    settings = settings_for(tmp_path, {})
    async with running(settings) as gateway:
        tls.tls_context(None, None, None)
        empty(bundle)
        with pytest.raises(ConfigurationUnusable, match="authorities cannot be read"):
            await gateway.runtime.reload(settings)
        assert tls._authorities(tls.tls_context(None, None, None)) == 1


class Inner(BaseModel):
    key: Path | str = "text"


class OwnSettings(BaseModel):
    """Settings as a third party's adapter may have them."""

    inner: list[Inner] = []
    by_name: dict[str, Path] = {}
    name: str = "x"


@pytest.mark.parametrize(
    "settings, names",
    [
        (OwnSettings(), False),
        (OwnSettings(inner=[Inner()]), False),
        (OwnSettings(inner=[Inner(key=Path("/key.pem"))]), True),
        (OwnSettings(by_name={"a": Path("/key.pem")}), True),
    ],
)
def test_an_adapter_whose_settings_name_a_file_is_built_again_at_each_reload(
    settings: OwnSettings, names: bool
) -> None:
    assert _names_a_file(settings) is names
