from __future__ import annotations

from gateway.secrets import secrets_of
from gateway.settings import OperatorSettings


def test_secrets_are_found_beside_a_network_without_walking_its_addresses() -> None:
    settings = OperatorSettings.model_validate(
        {
            "adapter": "quantum",
            "allow_ips": ["10.0.0.0/8", "2001:db8::/32"],
            "credentials": [{"username": "JohnDoe", "password": "MyPass"}],
        }
    )
    assert list(secrets_of({"acme": settings})) == ["MyPass"]
