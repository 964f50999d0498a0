"""Every command of docs/deploy/kubernetes.md, by the real kubectl and helm as far as they go without a cluster."""

from __future__ import annotations

import re
import shlex
import subprocess
from base64 import b64encode
from pathlib import Path
from textwrap import dedent

import aiohttp
import pytest
import yaml

from gateway.money import money
from tests.deployment.chart import SANDBOX, SETS, Resource, deployment_of, of_kind, render
from tests.support.commands import run
from tests.support.deploy_pages import page, shell_blocks
from tests.support.doors import basic
from tests.support.gateway_process import GatewayProcess
from tests.support.instances import migrated
from tests.support.programs import program
from tests.support.runtimes import FarOperator

pytestmark = pytest.mark.needs_programs("helm")

ROOT = Path(__file__).parents[3]
RANDOM = re.compile(r"\$\(openssl rand -\w+ \d+\)")
COMMANDS = [
    shlex.split(RANDOM.sub("random", line)) for block in shell_blocks(page("kubernetes")) for line in block.splitlines()
]
SECRETS = "/run/secrets/mm-gateway"
NAMED_FILE = re.compile(rf"{SECRETS}/([\w.-]+)")
(GATEWAY_YAML,) = (
    dedent(block) for block in re.findall(r"^   ```yaml\n(.*?)^   ```$", page("kubernetes"), re.MULTILINE | re.DOTALL)
)
"""The configuration that the page has one write."""

FIRST = 15
"""Commands at most, from an empty cluster to a purchase."""


def of(*beginning: str) -> list[list[str]]:
    return [words for words in COMMANDS if words[: len(beginning)] == list(beginning)]


def test_a_purchase_takes_few_commands_all_of_programs_that_the_page_needs() -> None:
    begun, forwarded, played, _ = shell_blocks(page("kubernetes"))
    assert len((begun + forwarded + played).splitlines()) <= FIRST
    assert {words[0] for words in COMMANDS} == {"docker", "kubectl", "helm", "curl"}


@pytest.mark.parametrize("words", of("kubectl", "create"), ids=" ".join)
def test_kubectl_makes_what_is_asked_for(words: list[str]) -> None:
    asked = (str(program("kubectl")), *words[1:], "--dry-run=client", "--output=yaml")
    made = yaml.safe_load(subprocess.run(asked, check=True, capture_output=True, text=True).stdout)
    assert made["metadata"]["name"] in words


def created(secret: str) -> set[str]:
    (words,) = of("kubectl", "create", "secret", "generic", secret)
    return {word.partition("=")[2].partition("=")[0] for word in words if word.startswith("--from-literal=")}


def rendered(words: list[str]) -> list[Resource]:
    """What a command of Helm's would send to the cluster, with the files of the working folder."""
    _, verb, release, chart, *values = (word for word in words if word not in {"--install", "--wait"})
    assert verb in {"install", "upgrade"}
    return render(Path(chart), *values, release=release)


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The checkout's root for somebody who has written what the page has one write, and nothing else."""
    (tmp_path / "config").symlink_to(ROOT / "config")
    (tmp_path / "gateway.yaml").write_text(GATEWAY_YAML)
    (tmp_path / "values.yaml").write_text("image: {repository: registry.example/mm-wallet-gateway}\n")
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for name in set(NAMED_FILE.findall(GATEWAY_YAML)):
        (secrets / name).write_text(b64encode(name.encode().ljust(32, b"-")[:32]).decode())
        (secrets / name).chmod(0o600)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("words", of("helm"), ids=" ".join)
def test_helm_renders_each_install_as_it_is_printed(words: list[str], written: Path) -> None:
    names = {each["metadata"]["name"] for each in rendered(words)}
    assert {"mm-gateway", "postgres"} & names


def test_the_configuration_of_the_page_passes_the_check_that_is_printed(written: Path) -> None:
    (words,) = of("docker", "run")
    (built,) = of("docker", "build")
    assert words[-2:] == [built[built.index("--tag") + 1], "check"]
    volumes = [words[at + 1].split(":") for at, word in enumerate(words) if word == "-v"]
    assert {(there, here, how) for here, there, how in volumes} == {
        ("/etc/mm-gateway/gateway.yaml", "./gateway.yaml", "ro"),
        (SECRETS, "./secrets", "ro"),
    }
    (written / "gateway.yaml").write_text(GATEWAY_YAML.replace(SECRETS, str(written / "secrets")))
    ran = run("check", "--config", "gateway.yaml")
    assert ran == (0, "the configuration can be used: 1 operators, 1 journals\n", "")


def test_what_the_migration_reads_is_a_key_of_the_only_secret_that_it_has(written: Path) -> None:
    (words,) = of("helm", "upgrade")
    (job,) = of_kind(rendered(words), "Job")
    (volume,) = (each for each in job["spec"]["template"]["spec"]["volumes"] if each["name"] == "secrets")
    assert volume["secret"]["secretName"] == "mm-gateway-owner"
    reads = set(NAMED_FILE.findall(yaml.safe_load(GATEWAY_YAML)["journal"]["url"]))
    assert reads == created("mm-gateway-owner") | {"db-ca.pem"}
    assert "its file is the key `db-ca.pem` of **both** Secrets" in " ".join(page("kubernetes").split())


def mounted_keys(resource: Resource) -> set[str]:
    """What of the Secrets the sandbox's database reads, by its file names."""
    (volume,) = (each for each in resource["spec"]["template"]["spec"]["volumes"] if each["name"] == "secrets")
    return {
        f"{source['secret']['name']}/{item['key']}"
        for source in volume["projected"]["sources"]
        for item in source["secret"]["items"]
    }


def test_every_secret_that_is_read_is_made() -> None:
    values = (SANDBOX / "gateway.values.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"/run/secrets/mm-gateway/(\w+)", values)) == created("mm-gateway")
    assert created("mm-gateway-owner") == {"journal_password"}
    read = mounted_keys(deployment_of(render(*SETS["around the sandbox"][:1]), "postgres"))
    assert read == {"mm-gateway/journal_password", "mm-gateway-owner/journal_password"}


async def test_the_game_that_is_played_is_a_purchase(far: FarOperator, journal_url: str, tmp_path: Path) -> None:
    """With the sandbox's own configuration, where names of the cluster are replaced by addresses here."""
    far.ledger.enrol("player-1", "token-of-player-1", money("1000", "XAG"))
    (password,) = {words[2].partition(":")[2] for words in of("curl")}
    content = yaml.safe_load(yaml.safe_load((SANDBOX / "gateway.values.yaml").read_text(encoding="utf-8"))["config"])
    simulated = content["operators"]["simulated"]
    simulated["settings"]["base_url"] = simulated["settings"]["base_url"].replace(
        "http://simulated-operator:9100", far.server.base_url.rpartition("/wallet/")[0] or far.server.base_url
    )
    simulated["credentials"][0]["password"] = password
    gateway = GatewayProcess({"operators": content["operators"], "journal": {"url": journal_url}}, tmp_path)
    await migrated(gateway)
    async with gateway, aiohttp.ClientSession() as client:
        for _, _, user, _, body, url in of("curl"):
            headers = {"Authorization": basic(user), "Content-Type": "application/json"}
            where = url.replace("http://127.0.0.1:8080", gateway.wallet_url)
            async with client.post(where, data=body, headers=headers) as answer:
                assert answer.status == 200, await answer.text()
        (shown,) = of("kubectl", "exec")
        status, said = await gateway.command(*shown[shown.index("mm-gateway") + 1 :])
    assert (status, "confirmed" in said) == (0, True), said
