"""The behaviours of every adapter as tests that pytest collects from three lines:

    class TestAcme(Conformance):
        adapter = Acme
        simulated = SimulatedAcme

There is one test for each behaviour; docs/adapters/suite.md lists them. Each drives the adapter through the gateway's
own operator and client, over real sockets, against its simulated side
(docs/decisions/044-conformance-over-real-sockets.md says why). That adapters with the usual mistakes fail is shown by
tests/integration/adapters/test_conformance_catches.py.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar

import pytest

from gateway.operators.adapter import Adapter
from gateway.sandbox.simulated import Simulated
from gateway.testing.behaviours import BEHAVIOURS
from gateway.testing.subject import Subject
from gateway.testing.suite import check_behaviour, wrong_exemptions


class Conformance:
    """Derive from it, and name the adapter's class and its simulated operator's."""

    adapter: ClassVar[type[Adapter]]
    simulated: ClassVar[type[Simulated]]

    # Each test runs its own event loop, so that it needs pytest alone and no plugin.

    @pytest.mark.parametrize("behaviour", BEHAVIOURS)
    def test_behaviour(self, behaviour: str) -> None:
        result = asyncio.run(check_behaviour(BEHAVIOURS[behaviour], Subject(self.adapter, self.simulated)))
        if result.text:
            pytest.fail(result.text, pytrace=False)

    def test_every_exemption_names_a_behaviour(self) -> None:
        assert wrong_exemptions(self.simulated.exemptions) == []
