from __future__ import annotations

from adapters.hub88 import Hub88
from adapters.hub88.simulated import SimulatedHub88
from adapters.quantum import Quantum
from adapters.quantum.simulated import SimulatedQuantum
from gateway.testing.conformance import Conformance


class TestQuantum(Conformance):
    adapter = Quantum
    simulated = SimulatedQuantum


class TestHub88(Conformance):
    adapter = Hub88
    simulated = SimulatedHub88
