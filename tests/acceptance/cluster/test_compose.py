"""What stands in `config/` for a deployment fits together: each name, port, file and command that parts share.

`make deployment` has the real haproxy, promtool, systemd and Docker look at the same files.
"""

from __future__ import annotations

import configparser
import re
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from gateway.alerting.rules_file import Options
from gateway.http.admin import AdminHandler, Health
from gateway.operators import registry
from gateway.settings import Settings
from gateway.settings.loader import parse
from gateway.telemetry.metrics import Metrics
from tests.support.commands import run

ROOT = Path(__file__).parents[3]
CONFIG = ROOT / "config"
COMPOSE = CONFIG / "compose"
SECRET = re.compile(r"/run/secrets/(\w+)")
DEFAULT = re.compile(r"\$\{\w+:-([^}]*)\}")
SECRET_VALUE = "A" * 43 + "="


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return dict(read(COMPOSE / "compose.yaml"))


@pytest.fixture(scope="module")
def settings() -> Settings:
    """What the gateways of the compose file run with."""
    text = re.sub(r"\$\{file:[^}]+\}", SECRET_VALUE, (COMPOSE / "gateway.yaml").read_text(encoding="utf-8"))
    return parse(text, "gateway.yaml", {}, lambda adapter: registry.adapter(adapter).Settings).settings


@pytest.fixture(scope="module")
def haproxy() -> str:
    return (COMPOSE / "haproxy.cfg").read_text(encoding="utf-8")


def gateways(compose: dict[str, Any]) -> list[str]:
    return [name for name in compose["services"] if name.startswith("gateway-")]


def seconds(duration: str) -> float:
    number, unit = re.fullmatch(r"(\d+)(ms|s|m)", duration).groups()  # type: ignore[union-attr]  # all are of that form
    return float(number) * {"ms": 0.001, "s": 1, "m": 60}[unit]


def test_three_gateways_start_once_the_journal_has_its_tables(compose: dict[str, Any]) -> None:
    assert len(gateways(compose)) == 3
    services = compose["services"]
    for name in gateways(compose):
        assert services[name]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert run(*services["migrate"]["command"], "--help").status == 0


def test_every_service_is_contained_limited_and_watched(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["ulimits"] == {"core": 0}, name
        assert {"cpus", "memory"} <= set(service["deploy"]["resources"]["limits"]), name
        assert service["healthcheck"].get("test") or name == "migrate", name
        assert ":" in service["image"], name
        assert ":latest" not in service["image"], name


def test_every_file_that_is_mounted_is_there(compose: dict[str, Any]) -> None:
    services = compose["services"].values()
    mounts = [DEFAULT.sub(r"\1", mount) for service in services for mount in service.get("volumes", [])]
    files = {mount.split(":")[0] for mount in mounts if mount.startswith(".")}
    named = {mount.split(":")[0] for mount in mounts if not mount.startswith(".")}
    assert len(files) == 13
    assert [file for file in files if not (COMPOSE / file).exists()] == []
    assert named == set(compose["volumes"])
    assert (COMPOSE / compose["x-gateway"]["build"]["context"] / "Dockerfile").resolve() == ROOT / "Dockerfile"


def test_every_secret_that_is_read_is_given(compose: dict[str, Any]) -> None:
    read_by = {
        "gateway-1": (COMPOSE / "gateway.yaml").read_text(encoding="utf-8"),
        "prometheus": (CONFIG / "prometheus" / "prometheus.yaml").read_text(encoding="utf-8"),
        "postgres": (COMPOSE / "passwords.sql").read_text(encoding="utf-8"),
    }
    for name, text in read_by.items():
        assert set(SECRET.findall(text)) == set(compose["services"][name]["secrets"]), name
    asked_for = compose["services"]["postgres"]["environment"]["POSTGRES_PASSWORD_FILE"]
    assert SECRET.findall(asked_for)[0] in compose["services"]["postgres"]["secrets"]
    assert set(SECRET.findall(" ".join(read_by.values()))) == set(compose["secrets"])
    assert {secret["file"] for secret in compose["secrets"].values()} == {
        f"./secrets/{name}" for name in compose["secrets"]
    }
    assert "secrets/" in (COMPOSE / ".gitignore").read_text(encoding="utf-8").splitlines()


def test_the_journal_is_the_database_of_the_compose_file(compose: dict[str, Any], settings: Settings) -> None:
    assert settings.journal.url == f"postgresql://gateway:{SECRET_VALUE}@postgres/gateway"
    assert "CREATE DATABASE gateway OWNER gateway_owner;" in (CONFIG / "postgres" / "roles.sql").read_text()
    needed = len(gateways(compose)) * settings.journal.connections
    allowed = next(
        int(word.partition("=")[2]) for word in compose["services"]["postgres"]["command"] if "max_conn" in word
    )
    assert needed + 20 <= allowed


def test_only_what_migrates_has_the_password_of_the_tables_owner(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert services["migrate"]["environment"] == {"JOURNAL_ROLE": "gateway_owner"}
    assert services["migrate"]["secrets"] == [{"source": "journal_owner_password", "target": "journal_password"}]
    has = [name for name, service in services.items() if "journal_owner_password" in str(service.get("secrets"))]
    assert sorted(has) == ["migrate", "postgres"]
    assert not any("environment" in services[name] for name in gateways(compose))


def test_the_balancer_sends_to_every_gateway_and_repeats_nothing_that_may_have_arrived(
    compose: dict[str, Any], settings: Settings, haproxy: str
) -> None:
    servers = re.findall(r"^\s+server (\S+) (\S+):(\d+)$", haproxy, re.MULTILINE)
    assert servers == [(name, name, str(settings.server.port)) for name in gateways(compose)]
    assert f"port {settings.admin.port} check" in haproxy
    assert re.findall(r"retry-on (.*)", haproxy) == ["conn-failure"]
    (waits,) = re.findall(r"timeout server (\w+)", haproxy)
    assert seconds(waits) > settings.server.request_timeout
    (port,) = re.findall(r"^    bind :(\d+)$", haproxy, re.MULTILINE)
    assert compose["services"]["balancer"]["ports"] == [f"8080:{port}"]


def test_health_is_asked_for_where_the_gateway_tells_it(compose: dict[str, Any], haproxy: str) -> None:
    pages = set(AdminHandler(cast("Health", None), Metrics(), None)._pages)
    asked = re.findall(r"httpchk GET (\S+)", haproxy)
    for name in gateways(compose):
        assert compose["services"][name]["healthcheck"]["test"] == ["CMD", "mm-gateway", "health", "--ready"]
    assert set(asked) == {"/readyz"}
    assert set(asked) <= pages


def test_prometheus_scrapes_every_gateway(compose: dict[str, Any], settings: Settings) -> None:
    config = read(CONFIG / "prometheus" / "prometheus.yaml")
    (job,) = config["scrape_configs"]
    targets = [f"{name}:{settings.admin.port}" for name in gateways(compose)]
    assert job["static_configs"] == [{"targets": targets}]
    assert config["rule_files"] == ["rules.yaml"]
    (managers,) = config["alerting"]["alertmanagers"]
    assert managers["static_configs"] == [{"targets": ["alertmanager:9093"]}]
    assert "watching" in compose["services"]["prometheus"]["networks"]
    assert compose["services"]["alertmanager"]["networks"] == ["watching"]


def test_grafana_finds_prometheus_the_boards_and_gives_out_the_runbooks_where_alerts_say(
    compose: dict[str, Any],
) -> None:
    grafana = compose["services"]["grafana"]
    mounted = dict(mount.split(":")[:2][::-1] for mount in grafana["volumes"])
    provisioning = COMPOSE / mounted["/etc/grafana/provisioning"]
    (source,) = read(provisioning / "datasources" / "prometheus.yaml")["datasources"]
    (boards,) = read(provisioning / "dashboards" / "mm-gateway.yaml")["providers"]
    assert source["url"] == "http://prometheus:9090"
    assert set(grafana["networks"]) & set(compose["services"]["prometheus"]["networks"])
    assert (COMPOSE / mounted[boards["options"]["path"]]).resolve() == CONFIG / "grafana" / "dashboards"
    assert (COMPOSE / mounted["/usr/share/grafana/public/runbooks"]).resolve() == ROOT / "docs" / "runbooks"
    assert grafana["ports"] == ["127.0.0.1:3000:3000"]
    runbooks = [path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "runbooks").glob("*-*.md")]
    for beside in re.findall(r"\]\(\.\./([\w.-]+)", "".join(runbooks)):
        assert (COMPOSE / mounted[f"/usr/share/grafana/public/{beside}"]).resolve() == ROOT / "docs" / beside
    assert Options().dashboards == "http://localhost:3000"
    assert Options().runbooks == "http://localhost:3000/public/runbooks"


def test_gateways_are_given_the_time_that_they_take_to_stop(compose: dict[str, Any], settings: Settings) -> None:
    for name in gateways(compose):
        assert seconds(compose["services"][name]["stop_grace_period"]) > settings.server.stop_timeout
    assert float(unit()["Service"]["TimeoutStopSec"]) > settings.server.stop_timeout


def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names in units have capitals
    parser.read(CONFIG / "systemd" / "mm-gateway.service", encoding="utf-8")
    return parser


def test_the_unit_runs_a_command_that_the_program_has() -> None:
    service = unit()["Service"]
    program, *words = service["ExecStart"].split()
    assert Path(program).name == "mm-gateway"
    assert words == ["serve", "--config", "/etc/mm-gateway/gateway.yaml"]
    assert run("serve", "--help").status == 0
    assert service["ExecReload"].split() == [program, "reload"]
    assert run("reload", "--help").status == 0
