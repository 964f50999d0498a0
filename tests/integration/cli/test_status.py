"""`mm-gateway status` of one gateway on SQLite, and of what is wrong on its machine."""

from __future__ import annotations

import asyncio
import base64
import re
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.alerting.rules_file import Options, alerts
from gateway.cli.status_advice import ADVICE, Urgency
from gateway.records import State
from tests.support.certificates import DAY, Authority
from tests.support.commands import Deployment, Ran, a_timeline, operator, run
from tests.support.gateway_process import GatewayProcess
from tests.support.ports import free_port
from tests.support.status import FINDABLE, ON_ODD_MACHINE, Status, status_of

ROOT = Path(__file__).parents[3]
TOKEN = "s3cret-admin-token"
ON_FAILING_DISK = (sys.executable, "-m", "tests.support.gateway_on_failing_disk")


def content(**admin: Any) -> dict[str, Any]:
    return {"admin": {"port": free_port(), **admin}, "operators": {"acme": operator("JohnDoe")}}


async def test_a_gateway_that_is_well_is_said_to_be_well(tmp_path: Path) -> None:
    async with GatewayProcess(content(token=TOKEN), tmp_path) as gateway:
        found = await status_of(gateway)
        assert (found.codes, found.exit_status, found.said) == (set(), 0, "")
        assert {section["urgency"] for section in found.sections.values()} == {"ok"}
        status, text = await gateway.command("status")
        assert status == 0
        assert re.findall(r"^([a-z ]+): ok$", text, re.MULTILINE) == list(found.sections)
        assert TOKEN not in text + str(found.content)


async def test_over_tls_the_token_goes_only_to_whoever_shows_the_certificate_of_the_file(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    first = authority.certificate("elsewhere.example")
    pem = tmp_path / "own.pem"
    pem.write_bytes(first.read_bytes())
    tls = {"cert_file": str(pem), "key_file": str(pem), "client_ca_file": str(authority.file)}
    async with GatewayProcess(content(token=TOKEN, tls=tls), tmp_path) as gateway:
        assert (await status_of(gateway)).codes == set()
        pem.write_bytes(authority.certificate("elsewhere.example").read_bytes())
        asked = (await status_of(gateway)).finding("gateway_unasked")
        assert "another certificate than admin.tls.cert_file holds" in asked["text"]
        await gateway.reload()
        assert (await status_of(gateway)).codes == set()


@pytest.mark.parametrize(
    "left, code, status",
    [(DAY, "certificate_ends_soon", 1), (-DAY, "certificate_ends_soon", 1), (10 * DAY, "certificate_ends", 0)],
)
def test_a_certificate_that_ends_is_found(left: timedelta, code: str, status: int, tmp_path: Path) -> None:
    pem = str(Authority(tmp_path, "authority").certificate("here.example", valid_until=datetime.now(UTC) + left))
    deployment = Deployment(tmp_path)
    deployment.configure(server={"host": "127.0.0.1", "port": 0, "tls": {"cert_file": pem, "key_file": pem}})
    ran = run("status", "--json", "--config", str(deployment.config))
    found = Status(ran.status, ran.out + ran.err)
    assert found.finding(code)["text"].startswith("server end")
    assert ("certificates" in found.said) == (status == 1)
    assert found.facts("certificates")[0]["days_left"] == pytest.approx(left / DAY, abs=0.1)


async def test_a_certificate_that_was_renewed_and_not_reloaded_is_found(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    pem = tmp_path / "own.pem"
    pem.write_bytes(authority.certificate("here.example", valid_until=datetime.now(UTC) + DAY).read_bytes())
    server = {"tls": {"cert_file": str(pem), "key_file": str(pem)}}
    async with GatewayProcess({**content(), "server": server}, tmp_path) as gateway:
        pem.write_bytes(authority.certificate("here.example").read_bytes())
        assert (await status_of(gateway)).codes == {"certificate_ends_soon", "certificate_not_reloaded"}
        await gateway.reload()
        assert (await status_of(gateway)).codes == set()


async def test_a_file_that_is_wrong_hides_neither_gateway_nor_journal(tmp_path: Path) -> None:
    async with GatewayProcess(content(token=TOKEN), tmp_path) as gateway:
        whole = yaml.safe_load(gateway.config_file.read_text())
        gateway.config_file.write_text(yaml.safe_dump({**whole, "operators": {"acme": {"nonsense": 1}}}))
        found = await status_of(gateway)
        assert (found.codes, found.exit_status) == ({"config_wrong"}, 1)
        assert "operators.acme" in found.finding("config_wrong")["text"]
        assert found.facts("instances")[0]["alive"] is True
        await gateway.reload(refused=True)
        assert (await status_of(gateway)).codes == {"config_wrong", "config_reload_refused"}


async def test_secrets_that_this_shell_lacks_are_not_called_a_mistake(tmp_path: Path) -> None:
    config = {**content(), "operators": {"acme": operator("JohnDoe")}}
    config["operators"]["acme"]["settings"]["password"] = "${FAR_PASSWORD}"
    async with GatewayProcess(config, tmp_path, {"FAR_PASSWORD": "far-secret"}) as gateway:
        ran = run("status", "--json", "--config", str(gateway.config_file))
        assert Status(ran.status, ran.out + ran.err).codes == {"config_unreadable"}
        assert (await status_of(gateway)).codes == set()


async def test_a_disk_that_is_nearly_full_is_found(tmp_path: Path) -> None:
    async with GatewayProcess(content(), tmp_path) as gateway:
        beside = GatewayProcess(
            gateway.config_file.read_text(), tmp_path, FINDABLE | {"FREE_BYTES": "1000000"}, ON_ODD_MACHINE
        )
        found = await status_of(beside)
        assert (found.codes, found.exit_status) == ({"disk_nearly_full"}, 1)
        assert found.finding("disk_nearly_full")["text"] == "default: 1 MB are free on its disk"


async def test_a_gateway_that_cannot_write_says_so_itself(tmp_path: Path) -> None:
    async with GatewayProcess(content(), tmp_path, FINDABLE, ON_FAILING_DISK) as gateway:
        gateway.send_signal(signal.SIGUSR1)
        async with asyncio.timeout(60):
            while "gateway_not_ready" not in (found := await status_of(gateway)).codes:
                pass
        assert found.finding("gateway_not_ready")["text"].startswith("journal default: ")
        assert found.exit_status == 1


async def test_a_gateway_that_was_killed_is_found_by_its_lease(tmp_path: Path) -> None:
    async with GatewayProcess(content(), tmp_path) as gateway:
        await gateway.kill()
    later = GatewayProcess(gateway.config_file.read_text(), tmp_path, FINDABLE | {"AHEAD_S": "60"}, ON_ODD_MACHINE)
    found = await status_of(later)
    assert found.codes == {"gateway_silent", "not_known", "lease_ended", "no_instance_alive"}
    assert found.exit_status == 1


async def test_a_gateway_that_stands_still_keeps_nobody_waiting(tmp_path: Path) -> None:
    async with GatewayProcess(content(), tmp_path) as gateway:
        gateway.send_signal(signal.SIGSTOP)
        found = await status_of(gateway)
        # On a busy machine its lease, which it cannot renew, may have ended by then; and it may stand in a write.
        by_chance = {"lease_ended", "no_instance_alive", "journal_unreachable"}
        assert found.codes - by_chance == {"gateway_silent", "not_known"}
        assert "timed out" in found.finding("gateway_silent")["text"]


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    """Of two operators, each with a journal of its own, and with something in them."""
    deployment = Deployment(tmp_path)
    deployment.keep("default", a_timeline("parked-1"), a_timeline("parked-2", age_s=5))
    waiting = a_timeline("waiting-1", operator="gone", state=State.ROLLING_BACK)
    deployment.keep("big", a_timeline("held-1", operator="beta", state=State.HELD), waiting)
    return deployment


def test_a_journal_that_this_configuration_cannot_read_is_told_from_one_that_is_away(deployment: Deployment) -> None:
    key = base64.b64encode(bytes(32)).decode()
    deployment.configure(journal={"url": deployment.url("default"), "encryption_key": key})
    ran = deployment.run("status", "--json")
    found = Status(ran.status, ran.out + ran.err)
    assert "not encrypted, although there is a key" in found.finding("journal_misconfigured")["text"]
    assert found.exit_status == 1


def test_what_waits_is_found_with_what_to_type(deployment: Deployment) -> None:
    ran = run("status", "--json", "--config", str(deployment.config))
    found = Status(ran.status, ran.out + ran.err)
    assert found.codes >= {"parked", "undelivered", "abandoned", "operator_missing", "tries_fail"}
    assert found.finding("parked")["text"] == "acme: 2 transfers are parked"
    assert found.finding("parked")["commands"] == [
        "mm-gateway transfers --state parked --operator acme",
        "mm-gateway transfers show parked-1 --ask",
    ]
    assert found.finding("operator_missing")["text"] == "gone: 1 transfer is unfinished"
    assert found.finding("abandoned")["text"].startswith("beta: ")
    assert {row["journal"] for row in found.facts("backlog")} == {"default", "big"}
    assert found.facts("last errors")[0]["text"] == "timed out"


def test_a_journal_without_a_file_is_found_beside_the_others(
    deployment: Deployment,
) -> None:
    found = shown(run("status", "--json", "--config", str(deployment.config)))
    assert found.finding("journal_unreachable")["text"].startswith("spare: the journal spare has no file")
    assert {row["journal"]: row["reached"] for row in found.facts("journals")} == {
        "default": True,
        "big": True,
        "spare": False,
    }


def shown(ran: Ran) -> Status:
    return Status(ran.status, ran.out + ran.err)


def test_a_configuration_that_does_not_say_where_to_look_is_a_mistake(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    for text in ("journal: {url: nowhere}\n", "admin: [", ""):
        file.write_text(text)
        ran = run("status", "--config", str(file))
        assert (ran.status, ran.out) == (2, "")
        assert "Traceback" not in ran.err


def test_every_advice_leads_to_a_runbook_that_is_there_and_is_as_urgent_as_its_alert() -> None:
    urgency = {alert.name: {"page": Urgency.ACT, "ticket": Urgency.LOOK}[alert.severity] for alert in alerts(Options())}
    urgency["MmGatewayJournalFails"] = Urgency.ACT
    named = {code: advice for code, advice in ADVICE.items() if advice.alert}
    assert [advice.runbook for advice in named.values() if not (ROOT / str(advice.runbook)).exists()] == []
    milder = {code for code, advice in named.items() if advice.urgency is not urgency[advice.alert]}
    # A file that is wrong is more than a reload that was refused; one operator's last tries are less than half of all.
    assert milder == {"config_wrong", "tries_fail"}
