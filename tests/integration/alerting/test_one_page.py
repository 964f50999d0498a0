"""A real Alertmanager with the shipped file is given what fires together: one cause makes one page."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from gateway.alerting.rules_file import Options, alerts
from tests.support.programs import program
from tests.support.waiting import LONGEST_S

FILE = Path(__file__).parents[3] / "config" / "alertmanager" / "alertmanager.yaml"
SEVERITY = {alert.name: str(alert.severity) for alert in alerts(Options())}

pytestmark = pytest.mark.needs_programs("prometheus-alertmanager")


class Alertmanager(NamedTuple):
    """One that runs, at this port of the machine itself."""

    port: int

    def tell(self, job: str, *firing: str) -> None:
        """These alerts fire: each its name without the prefix, and its labels, as in `Down instance=a`."""
        body = [{"labels": {"job": job, **_labels(each)}} for each in firing]
        status, said = self._asked("POST", "/api/v2/alerts", msgspec.json.encode(body))
        assert status == HTTPStatus.OK, said

    def told(self, job: str) -> dict[str, list[list[str]]]:
        """By receiver: the names in each message that would go out about this job."""
        path = f"/api/v2/alerts/groups?inhibited=false&filter=job%3D%22{job}%22"
        found: dict[str, list[list[str]]] = {"page": [], "ticket": []}
        for group in msgspec.json.decode(self._asked("GET", path)[1]):
            names = sorted({alert["labels"]["alertname"].removeprefix("MmGateway") for alert in group["alerts"]})
            found[group["receiver"]["name"]].append(names)
        return {receiver: sorted(messages) for receiver, messages in found.items()}

    def _asked(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


def _labels(firing: str) -> dict[str, Any]:
    name, *labels = firing.split()
    alertname = f"MmGateway{name}"
    return {"alertname": alertname, "severity": SEVERITY[alertname], **dict(each.split("=") for each in labels)}


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alertmanager]:
    command = (
        program("prometheus-alertmanager"), f"--config.file={FILE}", "--cluster.listen-address=",
        f"--storage.path={tmp_path_factory.mktemp('alertmanager')}", "--web.listen-address=127.0.0.1:0",
    )  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            said = next(line for line in process.stderr if "Listening on" in line)
            yield Alertmanager(int(re.findall(r"address=127\.0\.0\.1:(\d+)", said)[0]))
        finally:
            process.kill()


@pytest.mark.parametrize(
    "job, firing, pages, tickets",
    [
        pytest.param(
            "operator",
            [
                *(f"BreakerNotClosed operator=acme calls={calls}" for calls in ("reads", "holds", "ends")),
                *(f"HoldsFailing operator=acme call={call}" for call in ("withdraw", "deposit")),
                *("ReadsFailing operator=acme", "DeliveryFailing operator=acme", "Undelivered operator=acme"),
                *("OperatorRefusing operator=acme", "BudgetBurnsFast operator=acme objective=calls"),
                *("OperatorSlow operator=acme", "BudgetBurnsSlow operator=acme objective=calls"),
            ],
            [["BreakerNotClosed"]],
            [],
            id="an operator does not answer",
        ),
        pytest.param(
            "two-operators",
            ["BreakerNotClosed operator=acme", "HoldsFailing operator=acme", "HoldsFailing operator=beta"],
            [["BreakerNotClosed"], ["HoldsFailing"]],
            [],
            id="two operators are two causes",
        ),
        pytest.param(
            "way-out",
            [
                "ManyOperatorsDown",
                *(f"BreakerNotClosed operator={name}" for name in ("acme", "beta", "gamma")),
                *(f"HoldsFailing operator={name}" for name in ("acme", "beta", "gamma")),
            ],
            [["ManyOperatorsDown"]],
            [],
            id="the gateways' way out is broken",
        ),
        pytest.param(
            "journal",
            [
                *("JournalFails journal=default", "Uncounted journal=default", "JournalQueueFull journal=default"),
                *("JournalInterrupted journal=default", "JournalSlow journal=default"),
                *(f"HoldsFailing operator={name}" for name in ("acme", "beta")),
                *(f"BudgetBurnsFast operator={name} objective=calls" for name in ("acme", "beta")),
            ],
            [["JournalFails"]],
            [],
            id="the database is stopped",
        ),
        pytest.param(
            "slow-journal",
            [
                "JournalSlow journal=default",
                *(f"BudgetBurnsFast operator={name} objective=latency" for name in ("acme", "beta", "gamma")),
            ],
            [["BudgetBurnsFast"]],
            [["JournalSlow"]],
            id="every operator's budget burns for the same reason",
        ),
        pytest.param(
            "clock",
            [
                *("ClockOff instance=a", "ClockStepped instance=a", "LateArrivals operator=acme"),
                *(f"HoldsFailing operator={name}" for name in ("acme", "beta")),
            ],
            [["ClockOff"]],
            [],
            id="the clock of a gateway is wrong",
        ),
        pytest.param(
            "killed",
            ["AllDown", "Down instance=a", "Down instance=b", "BreakerNotClosed operator=acme", "Parked operator=acme"],
            [["AllDown"]],
            [],
            id="every gateway is killed",
        ),
        pytest.param("one", ["Down instance=a"], [], [["Down"]], id="one gateway is killed: nobody is woken"),
        pytest.param(
            "parked",
            ["BreakerNotClosed operator=acme", "Parked operator=acme"],
            [["BreakerNotClosed", "Parked"]],
            [],
            id="what an operator's outage parks comes with its page",
        ),
        pytest.param(
            "certificate",
            ["CertificateEnds certificate=server", "CertificateEndsSoon certificate=server"],
            [["CertificateEndsSoon"]],
            [],
            id="a certificate ends tomorrow",
        ),
    ],
)
def test_one_cause_makes_one_page(
    alertmanager: Alertmanager, job: str, firing: list[str], pages: list[list[str]], tickets: list[list[str]]
) -> None:
    alertmanager.tell(job, *firing)
    deadline = time.monotonic() + LONGEST_S  # it groups and keeps back a moment after it was told
    wanted = {"page": pages, "ticket": tickets}
    while (told := alertmanager.told(job)) != wanted and time.monotonic() < deadline:
        pass
    assert told == wanted
