"""Every adapter that is installed, through every behaviour."""

from __future__ import annotations

import pytest

from gateway.operators import registry
from gateway.sandbox.simulated import simulated_operators
from gateway.testing.conformance import Conformance


def suite(name: str) -> type[Conformance]:
    """The tests that an adapter's author would write."""
    members = {"adapter": registry.adapter(name), "simulated": simulated_operators()[name].load()}
    return type(f"Test{name.title()}", (Conformance,), members)


globals().update({each.__name__: each for each in map(suite, registry.names())})


@pytest.mark.parametrize("name", registry.names())
def test_every_adapter_that_ships_brings_its_simulated_operator(name: str) -> None:
    assert name in simulated_operators()
