"""What holds for every adapter: amounts, whole transfers, an operator that fails in every way, secrets."""

from acme import Acme
from acme.simulated import SimulatedAcme

from gateway.testing.conformance import Conformance


class TestAcme(Conformance):
    adapter = Acme
    simulated = SimulatedAcme
