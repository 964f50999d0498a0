"""The charts of config/helm, as the real Helm renders them: held against Kubernetes' schemas and our own files."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.operators import registry
from gateway.settings.loader import parse
from tests.deployment.chart import (
    GATEWAY,
    HELMS,
    SANDBOX,
    SETS,
    VALUES,
    VERSIONS,
    Refused,
    Resource,
    deployment_of,
    lint,
    of_kind,
    problems,
    render,
    render_set,
)
from tests.support import chart_values
from tests.support.commands import run
from tests.support.programs import program

pytestmark = pytest.mark.needs_programs("helm")

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config"
MINIMAL = SETS["minimal"][1]
MIB = 1 << 20
DURATIONS = {"15s": 15, "20s": 20, "1m30s": 90, "2h": 7200, "500ms": 0, "1d": 86400}


@pytest.fixture(scope="module")
def everything() -> list[Resource]:
    return render_set("everything")


@pytest.fixture(scope="module")
def minimal() -> list[Resource]:
    return render_set("minimal")


def pod_of(resource: Resource) -> dict[str, Any]:
    return dict(resource["spec"]["template"]["spec"])


def pods(resources: list[Resource]) -> Iterator[tuple[str, dict[str, Any]]]:
    for resource in [*of_kind(resources, "Deployment"), *of_kind(resources, "Job")]:
        yield resource["metadata"]["name"], pod_of(resource)


def configured(folder: Path, text: str) -> tuple[str, str]:
    (folder / "gateway.yaml").write_text(text, encoding="utf-8")
    return "--set-file", f"config={folder / 'gateway.yaml'}"


def plain_config(**changes: Any) -> str:
    content = yaml.safe_load((VALUES / "gateway.yaml").read_text(encoding="utf-8"))
    return yaml.safe_dump({**content, **changes})


@pytest.mark.parametrize("name", SETS)
def test_helm_3_and_helm_4_render_the_same_and_find_nothing_wrong(name: str) -> None:
    assert [lint(name, helm).count("1 chart(s) linted, 0 chart(s) failed") for helm in HELMS] == [1, 1]
    assert render_set(name, HELMS[0]) == render_set(name, HELMS[1])


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", SETS)
def test_kubernetes_takes_what_is_rendered(name: str, version: str, tmp_path: Path) -> None:
    assert problems(render_set(name), tmp_path, version) == []


def test_what_kubernetes_would_not_take_is_found(tmp_path: Path) -> None:
    everything = render_set("everything")
    deployment_of(everything)["spec"]["template"]["spec"]["containers"][0]["livenessprobe"] = {}
    of_kind(everything, "ServiceMonitor")[0]["spec"]["endpoint"] = []
    everything.append({"apiVersion": "v1", "kind": "Unheard", "metadata": {"name": "of"}})
    said = "\n".join(problems(everything, tmp_path, VERSIONS[0]))
    assert all(word in said for word in ("livenessprobe", "endpoint", "Unheard"))


@pytest.mark.parametrize("name", SETS)
def test_every_pod_is_as_restricted_as_kubernetes_knows(name: str) -> None:
    """The rules of the Pod Security Standards' profile `restricted`, and a read-only image without a token."""
    found = list(pods(render_set(name)))
    assert found
    for pod, spec in found:
        security = spec["securityContext"]
        assert (security["runAsNonRoot"], security["seccompProfile"]) == (True, {"type": "RuntimeDefault"}), pod
        assert security.get("runAsUser", 1) != 0, pod
        assert spec["automountServiceAccountToken"] is False, pod
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec), pod
        kinds = {kind for volume in spec["volumes"] for kind in volume if kind != "name"}
        assert kinds <= {"configMap", "secret", "emptyDir", "projected"}, pod
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
            }, pod  # fmt: skip
            assert container["resources"]["limits"]["memory"], pod
            assert not any("hostPort" in port for port in container.get("ports", [])), pod


def test_the_chart_is_of_the_gateways_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for chart in (GATEWAY, SANDBOX):
        described = yaml.safe_load((chart / "Chart.yaml").read_text(encoding="utf-8"))
        assert (described["version"], described["appVersion"]) == (project["version"], project["version"])


def test_rules_are_those_that_the_gateway_prints(everything: list[Resource]) -> None:
    (rule,) = of_kind(everything, "PrometheusRule")
    given = yaml.safe_load((VALUES / "everything.yaml").read_text(encoding="utf-8"))["prometheusRule"]
    printed = run("rules", "--runbooks", given["runbooks"], "--dashboards", given["dashboards"])
    assert rule["spec"] == yaml.safe_load(printed.out)
    usual = of_kind(render(GATEWAY, *MINIMAL, "--set", "prometheusRule.enabled=true"), "PrometheusRule")[0]
    assert usual["spec"] == yaml.safe_load((CONFIG / "prometheus" / "rules.yaml").read_text(encoding="utf-8"))


def test_boards_are_the_files_of_grafana_and_fit_into_a_config_map(everything: list[Resource]) -> None:
    shipped = {path.name: path.read_text(encoding="utf-8") for path in (CONFIG / "grafana" / "dashboards").iterdir()}
    boards = [each for each in of_kind(everything, "ConfigMap") if "-board-" in each["metadata"]["name"]]
    assert {name: text for board in boards for name, text in board["data"].items()} == shipped
    assert all(board["metadata"]["labels"]["grafana_dashboard"] == "wallet" for board in boards)
    assert max(len(json.dumps(board)) for board in boards) < MIB


def test_no_file_of_the_charts_is_a_copy() -> None:
    files = [path for chart in (GATEWAY, SANDBOX) for path in (chart / "files").iterdir()]
    assert len(files) == 4
    assert all(path.is_symlink() and path.exists() and CONFIG in path.resolve().parents for path in files)


def test_the_sandboxs_database_has_the_roles_of_every_other() -> None:
    (roles,) = of_kind(render_set("around the sandbox"), "ConfigMap")
    assert roles["data"] == {
        "1-roles.sql": (CONFIG / "postgres" / "roles.sql").read_text(encoding="utf-8"),
        "2-passwords.sql": (CONFIG / "compose" / "passwords.sql").read_text(encoding="utf-8"),
    }


@pytest.mark.parametrize("name", ["minimal", "everything", "sandbox"])
def test_the_gateway_takes_the_configuration_and_finds_every_secret_where_it_is_mounted(name: str) -> None:
    resources = render_set(name)
    texts = {each["data"]["gateway.yaml"] for each in of_kind(resources, "ConfigMap") if "gateway.yaml" in each["data"]}
    (text,) = texts
    assert parse(
        re.sub(r"\$\{file:[^}]+\}", "A" * 43 + "=", text),
        "gateway.yaml",
        {},
        lambda adapter: registry.adapter(adapter).Settings,
    )
    spec = pod_of(deployment_of(resources))
    mounted = {mount["name"]: mount["mountPath"] for mount in spec["containers"][0]["volumeMounts"]}
    assert set(re.findall(r"\$\{file:(.*)/\w+\}", text)) == {mounted["secrets"]}
    assert mounted["config"] == "/etc/mm-gateway"
    assert {volume["name"] for volume in spec["volumes"]} == set(mounted)


def test_no_value_is_a_secret(everything: list[Resource], minimal: list[Resource]) -> None:
    assert of_kind(everything, "Secret") == of_kind(minimal, "Secret") == []
    assert not any("password" in value.path.lower() for value in chart_values.values())


def test_external_secrets_have_the_keys_that_the_pods_read(everything: list[Resource]) -> None:
    external = {each["metadata"]["name"]: each for each in of_kind(everything, "ExternalSecret")}
    (job,) = of_kind(everything, "Job")
    for resource in (deployment_of(everything), job):
        (secret,) = (volume["secret"]["secretName"] for volume in pod_of(resource)["volumes"] if "secret" in volume)
        assert external[secret]["spec"]["target"]["name"] == secret
    assert [item["secretKey"] for item in external["wallet-owner"]["spec"]["data"]] == ["journal_password"]
    with pytest.raises(Refused, match=r"secrets\.external: no keys for mm-gateway"):
        render(GATEWAY, *MINIMAL, "--set", "secrets.external.enabled=true")


def test_another_configuration_starts_other_pods(tmp_path: Path, minimal: list[Resource]) -> None:
    changed = render(GATEWAY, *configured(tmp_path, plain_config(abandoned_after="2h")))
    sums = [deployment_of(each)["spec"]["template"]["metadata"]["annotations"] for each in (minimal, changed)]
    assert sums[0] != sums[1]
    assert deployment_of(render_set("minimal")) == deployment_of(minimal)


def test_what_the_migration_needs_is_there_before_it_and_before_all_else(everything: list[Resource]) -> None:
    hooks = {
        (each["kind"], each["metadata"]["name"]): int(annotations.get("helm.sh/hook-weight", 0))
        for each in everything
        if (annotations := each["metadata"].get("annotations", {})).get("helm.sh/hook") == "pre-install,pre-upgrade"
    }
    job = hooks.pop(("Job", "mm-gateway-migration"))
    assert set(hooks) == {
        ("ConfigMap", "mm-gateway-migration"),
        ("NetworkPolicy", "mm-gateway-migration"),
        ("ExternalSecret", "wallet-owner"),
    }
    assert max(hooks.values()) < job
    (migration,) = of_kind(everything, "Job")
    (container,) = pod_of(migration)["containers"]
    assert container["env"] == [{"name": "JOURNAL_ROLE", "value": "owner_of_tables"}]
    assert run(*container["args"], "--help").status == 0
    assert run(*pod_of(deployment_of(everything))["containers"][0]["args"], "--help").status == 0


def test_without_a_migration_nothing_of_it_is_left() -> None:
    resources = render(GATEWAY, *SETS["everything"][1], "--set", "migration.enabled=false")
    assert [
        each for each in resources if "migration" in each["metadata"]["name"] or "owner" in each["metadata"]["name"]
    ] == []


def test_ports_are_those_of_the_configuration(everything: list[Resource], minimal: list[Resource]) -> None:
    def ports(resources: list[Resource]) -> dict[str, int]:
        (container,) = pod_of(deployment_of(resources))["containers"]
        return {port["name"]: port["containerPort"] for port in container["ports"]}

    assert ports(minimal) == {"wallet": 8080, "admin": 9090}
    assert ports(everything) == {"wallet": 8000, "admin": 9000, "operators": 8001}
    served = {port["name"]: port["port"] for each in of_kind(everything, "Service") for port in each["spec"]["ports"]}
    assert served == ports(everything)


def test_only_who_is_named_reaches_a_gateway(everything: list[Resource]) -> None:
    policy = next(each for each in of_kind(everything, "NetworkPolicy") if each["metadata"]["name"] == "mm-gateway")
    given = yaml.safe_load((VALUES / "everything.yaml").read_text(encoding="utf-8"))["networkPolicy"]
    came = {rule["ports"][0]["port"]: rule["from"] for rule in policy["spec"]["ingress"]}
    assert came == {"wallet": given["game"], "admin": given["monitoring"], "operators": given["operators"]}
    assert policy["spec"]["egress"][1:] == given["egress"]
    assert {port["port"] for port in policy["spec"]["egress"][0]["ports"]} == {53}
    (job,) = of_kind(everything, "Job")
    migration = next(each for each in of_kind(everything, "NetworkPolicy") if each != policy)
    assert "ingress" not in migration["spec"]
    labels = job["spec"]["template"]["metadata"]["labels"]
    assert migration["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    assert not policy["spec"]["podSelector"]["matchLabels"].items() <= labels.items()


def test_prometheus_scrapes_as_the_job_that_rules_and_boards_name(everything: list[Resource]) -> None:
    (monitor,) = of_kind(everything, "ServiceMonitor")
    (service,) = (
        each
        for each in of_kind(everything, "Service")
        if monitor["spec"]["selector"]["matchLabels"].items() <= each["metadata"]["labels"].items()
    )
    assert service["metadata"]["labels"][monitor["spec"]["jobLabel"]] == "mm-gateway"
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    assert endpoint["authorization"]["credentials"] == {"name": "wallet", "key": "admin"}
    assert 'up{job="mm-gateway"}' in (CONFIG / "prometheus" / "rules.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("stops", DURATIONS)
def test_a_gateway_is_given_the_time_that_it_takes_to_stop(stops: str, tmp_path: Path) -> None:
    spec = pod_of(deployment_of(render(GATEWAY, *configured(tmp_path, plain_config(server={"stop_timeout": stops})))))
    drain = spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert spec["terminationGracePeriodSeconds"] >= drain + max(DURATIONS[stops], 15) + 10


def test_probes_ask_the_pages_that_there_are(everything: list[Resource]) -> None:
    (container,) = pod_of(deployment_of(everything))["containers"]
    asked = {kind: container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")}
    assert {kind: page["path"] for kind, page in asked.items()} == {
        "startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz",
    }  # fmt: skip
    assert {page["port"] for page in asked.values()} == {"admin"}


@pytest.mark.parametrize(
    "change, why",
    [
        ({"operators": None}, "at least one operator"),
        ({"admin": {"host": "127.0.0.1"}}, "admin.host must be 0.0.0.0"),
        ({"admin": {}}, "admin.host must be 0.0.0.0"),
        ({"admin": {"host": "0.0.0.0", "tls": {"client_ca_file": "ca.pem"}}}, "use admin.token"),
        ({"journal": {"url": "sqlite:///journal.db"}}, "journal.url must be postgresql"),
        ({"journal": {}}, "journal.url must be postgresql"),
        ({"server": {"port": 0}}, "server.port is 0"),
    ],
)
def test_a_configuration_that_cannot_serve_in_a_cluster_is_refused(
    change: dict[str, Any], why: str, tmp_path: Path
) -> None:
    with pytest.raises(Refused, match=why):
        render(GATEWAY, *configured(tmp_path, plain_config(**change)))


def test_without_a_configuration_helm_says_how_to_give_it() -> None:
    with pytest.raises(Refused, match=r"--set-file config=gateway\.yaml"):
        render(GATEWAY)


@pytest.mark.parametrize(
    "wrong",
    [
        "replicas=-1",
        "replica=3",
        "drain.seconds=0",
        "image.digest=abc",
        "service.type=Ingress",
        "migration.enabled=maybe",
    ],
)
def test_wrong_values_are_refused_by_name(wrong: str) -> None:
    with pytest.raises(Refused, match=re.escape("/".join(wrong.partition("=")[0].split(".")).rpartition("/")[2])):
        render(GATEWAY, *MINIMAL, "--set", wrong)


def leaves(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """The paths of a schema's values; an object of which only some members are known is none."""
    for name, part in schema["properties"].items():
        if part.get("additionalProperties") is False and part["type"] == "object":
            yield from leaves(part, f"{path}{name}.")
        elif name != "global":  # Helm's own
            yield f"{path}{name}"


def test_every_value_is_in_the_schema_and_explained() -> None:
    explained = {value.path for value in chart_values.values()}
    schema = json.loads((GATEWAY / "values.schema.json").read_text(encoding="utf-8"))
    of_schema = set(leaves(schema))
    assert [path for path in of_schema if not {path, path.rpartition(".")[0]} & explained] == []
    assert [path for path in explained if not any(f"{leaf}.".startswith(f"{path}.") for leaf in of_schema)] == []


def test_the_set_with_everything_changes_every_value() -> None:
    given = yaml.safe_load((VALUES / "everything.yaml").read_text(encoding="utf-8"))
    defaults = yaml.safe_load((GATEWAY / "values.yaml").read_text(encoding="utf-8"))
    assert sorted(unchanged(defaults, given)) == ["migration.enabled", "networkPolicy.enabled"]


def unchanged(defaults: Any, given: Any, path: str = "") -> Iterator[str]:
    if not isinstance(defaults, dict) or not defaults:
        if defaults == given:
            yield path
        return
    for name, value in defaults.items():
        yield from unchanged(value, (given or {}).get(name, value), f"{path}.{name}".lstrip("."))


def test_the_page_has_the_table_of_values() -> None:
    page = chart_values.PAGE.read_text(encoding="utf-8")
    assert chart_values.in_page(page) == chart_values.table(), "python -m tests.support.chart_values writes it"


def test_a_packed_chart_needs_nothing_beside_it(tmp_path: Path, everything: list[Resource]) -> None:
    subprocess.run(
        (program("helm"), "package", str(GATEWAY), "--destination", str(tmp_path)), check=True, capture_output=True
    )
    (packed,) = tmp_path.glob("mm-gateway-*.tgz")
    assert render(packed, *SETS["everything"][1]) == everything
