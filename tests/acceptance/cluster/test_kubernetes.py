"""What the chart renders, played with real processes: migration, gateways, purchases, a pod that is taken away."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.wire.calls import WalletCall
from tests.deployment.chart import GATEWAY, Resource, of_kind, render
from tests.support.gateway_process import GatewayProcess
from tests.support.instances import call, operator, until_ready
from tests.support.ports import free_port
from tests.support.postgres import PostgresServer, binaries
from tests.support.runtimes import FarOperator

pytestmark = pytest.mark.needs_programs("helm")

ROLES = Path(__file__).parents[3] / "config" / "postgres" / "roles.sql"
SECRETS = "/run/secrets/mm-gateway"
PASSWORDS = {"mm-gateway": "of-the-serving-role", "mm-gateway-owner": "of-the-role-that-owns"}
DRAIN_S = 1
GAMES = 4
PRICE: Any = {"amount": 0.01, "currencyCode": "XAG"}


@pytest.fixture
def database(server: PostgresServer) -> PostgresServer:
    """With both roles and their passwords, which are asked for."""
    hba = server.home / "data" / "pg_hba.conf"
    for role, secret in (("gateway", "mm-gateway"), ("gateway_owner", "mm-gateway-owner")):
        if role == "gateway":
            psql(server, f"--file={ROLES}")
        psql(server, f"--command=ALTER ROLE {role} PASSWORD '{PASSWORDS[secret]}'")
    hba.write_text("host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
    psql(server, "--command=SELECT pg_reload_conf()")
    return server


def psql(server: PostgresServer, what: str) -> None:
    words = (binaries() / "psql", "--no-psqlrc", "-v", "ON_ERROR_STOP=1", what, server.url)
    subprocess.run(words, check=True, capture_output=True)


def rendered(database: PostgresServer, far: FarOperator, folder: Path) -> list[Resource]:
    content = {
        "server": {"host": "127.0.0.1", "port": free_port()},
        "admin": {"host": "0.0.0.0", "port": free_port()},
        "journal": {
            "url": f"postgresql://${{JOURNAL_ROLE:-gateway}}:${{file:{SECRETS}/journal_password}}@127.0.0.1:{database.port}/gateway"
        },
        "operators": {"acme": operator(far)},
    }
    folder.mkdir()
    (folder / "given.yaml").write_text(yaml.safe_dump(content))
    given = ("--set-file", f"config={folder / 'given.yaml'}", "--set", f"drain.seconds={DRAIN_S}")
    return render(GATEWAY, *given)


def pod_of(resources: list[Resource], kind: str) -> dict[str, Any]:
    (resource,) = of_kind(resources, kind)
    return dict(resource["spec"]["template"]["spec"])


def process_of(resources: list[Resource], kind: str, folder: Path) -> GatewayProcess:
    """The pod's program, with its ConfigMap, its Secret as files in the folder, and its environment."""
    pod = pod_of(resources, kind)
    (container,) = pod["containers"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    mounted = folder / kind
    mounted.mkdir()
    (mounted / "journal_password").write_text(PASSWORDS[volumes["secrets"]["secret"]["secretName"]])
    name = volumes["config"]["configMap"]["name"]
    (config,) = (each for each in of_kind(resources, "ConfigMap") if each["metadata"]["name"] == name)
    text = config["data"]["gateway.yaml"].replace(SECRETS, str(mounted))
    return GatewayProcess(text, mounted, {each["name"]: each["value"] for each in container.get("env", [])})


async def migrated(resources: list[Resource], folder: Path) -> None:
    (container,) = pod_of(resources, "Job")["containers"]
    status, said = await process_of(resources, "Job", folder).command(*container["args"])
    assert status == 0, said


async def buy(gateways: Iterator[GatewayProcess], name: str, over: asyncio.Event) -> int:
    """Purchases, one after the other, each call to the next gateway that there is. Returns how many."""
    done = 0
    while not over.is_set():
        for wallet_call in (WalletCall.WITHDRAW, WalletCall.CONFIRM_WITHDRAWAL):
            answered = await call(next(gateways), wallet_call, f"{name}-{done}", amount=PRICE)
            assert answered.status == 200, answered
        done += 1
    return done


async def test_a_pod_is_taken_away_without_one_call_refused(
    database: PostgresServer, far: FarOperator, tmp_path: Path
) -> None:
    """As Kubernetes does it: while the hook sleeps, the pod leaves the Service, and nodes hear of it; then SIGTERM."""
    folders = [tmp_path / name for name in ("one", "two")]
    pods = [rendered(database, far, folder) for folder in folders]
    await migrated(pods[0], folders[0])
    leaving, staying = (process_of(pod, "Deployment", folder) for pod, folder in zip(pods, folders, strict=True))
    hook = pod_of(pods[0], "Deployment")["containers"][0]["lifecycle"]["preStop"]
    assert hook == {"sleep": {"seconds": DRAIN_S}}
    async with leaving, staying:
        await asyncio.gather(until_ready(leaving), until_ready(staying))
        serving = [leaving, staying]
        over = asyncio.Event()
        games = [asyncio.create_task(buy(in_turn(serving), str(number), over)) for number in range(GAMES)]
        loop = asyncio.get_running_loop()
        slept = asyncio.Event()
        loop.call_later(hook["sleep"]["seconds"] / 2, serving.remove, leaving)
        loop.call_later(hook["sleep"]["seconds"], slept.set)
        await slept.wait()
        began = loop.time()
        assert await leaving.stop() == 0
        grace = pod_of(pods[0], "Deployment")["terminationGracePeriodSeconds"]
        assert hook["sleep"]["seconds"] + loop.time() - began < grace
        over.set()
        assert min(await asyncio.gather(*games)) > 0
        assert await staying.stop() == 0
    assert "may do more than serve" not in leaving.log


def in_turn(serving: list[GatewayProcess]) -> Iterator[GatewayProcess]:
    """Those that there are at each moment."""
    for number in cycle(range(2)):
        yield serving[number % len(serving)]


async def test_without_the_pause_calls_would_be_refused(
    database: PostgresServer, far: FarOperator, tmp_path: Path
) -> None:
    pod = rendered(database, far, tmp_path / "one")
    await migrated(pod, tmp_path / "one")
    async with process_of(pod, "Deployment", tmp_path / "one") as gateway:
        assert (await call(gateway, WalletCall.WITHDRAW, "before")).status == 200
        assert await gateway.stop() == 0
        with pytest.raises(OSError, match="Connect call failed"):
            await call(gateway, WalletCall.WITHDRAW, "after")
