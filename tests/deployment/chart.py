"""The charts of `config/helm`, rendered by the real Helm, and held against the schemas of Kubernetes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import yaml

from tests.support.programs import program

ROOT: Final = Path(__file__).parents[2]
HELM: Final = ROOT / "config" / "helm"
GATEWAY: Final = HELM / "mm-gateway"
SANDBOX: Final = HELM / "sandbox"
VALUES: Final = Path(__file__).with_name("values")
SCHEMAS: Final = Path(__file__).with_name("crds")

HELMS: Final = ("helm", "helm-3")
VERSIONS: Final = ("1.30", "1.34", "1.37")
"""Of Kubernetes: the oldest that the chart takes, one between, and the newest whose schema there is."""

SETS: Final[dict[str, tuple[Path, tuple[str, ...]]]] = {
    "minimal": (GATEWAY, ("--set-file", f"config={VALUES / 'gateway.yaml'}")),
    "everything": (GATEWAY, ("--values", str(VALUES / "everything.yaml"))),
    "sandbox": (GATEWAY, ("--values", str(SANDBOX / "gateway.values.yaml"))),
    "around the sandbox": (SANDBOX, ()),
}
"""The charts, each with the values that it is rendered with."""

Resource = dict[str, Any]


class Refused(Exception):
    """Helm does not render it; the text says why."""


def render(chart: Path, *values: str, helm: str = "helm", release: str = "mm-gateway") -> list[Resource]:
    """What an install would send to the cluster, hooks included. Raises `Refused`."""
    lines = _run(helm, "template", release, str(chart), "--namespace", "wallet", *values)
    return [resource for resource in yaml.load_all(lines, yaml.CSafeLoader) if resource]


def render_set(name: str, helm: str = "helm") -> list[Resource]:
    """One of `SETS`."""
    chart, values = SETS[name]
    return render(chart, *values, helm=helm)


def lint(name: str, helm: str) -> str:
    """What `helm lint --strict` says of one of `SETS`. Raises `Refused`."""
    chart, values = SETS[name]
    return _run(helm, "lint", "--strict", str(chart), *values)


def of_kind(resources: Iterable[Resource], kind: str) -> list[Resource]:
    return [resource for resource in resources if resource["kind"] == kind]


def deployment_of(resources: Iterable[Resource], name: str = "mm-gateway") -> Resource:
    (found,) = (each for each in of_kind(resources, "Deployment") if each["metadata"]["name"] == name)
    return found


def problems(resources: list[Resource], folder: Path, version: str) -> list[str]:
    """Why this version of Kubernetes would refuse some of them: members that it does not know, and wrong values."""
    ours: list[Resource] = []
    theirs: list[Resource] = []
    for resource in resources:
        (theirs if (SCHEMAS / f"{resource['kind']}.json").exists() else ours).append(resource)
    return _native_problems(ours, folder, version) + [
        text for each in theirs for text in _custom_problems(each, folder)
    ]


def chart_is_sound(folder: Path) -> str:
    """Whether every set renders with every Helm and holds in every version; returns what is wrong."""
    wrong = []
    for name in SETS:
        try:
            first, *others = [render_set(name, helm) for helm in HELMS if lint(name, helm)]
        except Refused as refused:
            wrong.append(f"{name}: {refused}")
        else:
            wrong += [f"{name}: {HELMS} do not render the same"] if others != [first] else []
            wrong += [f"{name}: {text}" for version in VERSIONS for text in problems(first, folder, version)]
    return "\n".join(wrong)


def _native_problems(resources: list[Resource], folder: Path, version: str) -> list[str]:
    file = folder / "resources.yaml"
    file.write_text("\n---\n".join(json.dumps(_abridged(each)) for each in resources), encoding="utf-8")
    done = subprocess.run(
        (program("kubernetes-validate"), "--strict", "--kubernetes-version", version, str(file)),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = (done.stdout + done.stderr).splitlines()
    passed = [line for line in said if line.startswith("INFO") and line.endswith(f"against version {version}")]
    # What has no schema is only warned of, and what fails is said: whatever did not pass counts.
    wrong = [line.replace(str(file), "") for line in said if line not in passed]
    return wrong or ([] if len(passed) == len(resources) else [f"{len(passed)} of {len(resources)} were validated"])


def _abridged(resource: Resource) -> Resource:
    """Whole boards in a ConfigMap are texts to a schema, and take long to read."""
    if resource["kind"] != "ConfigMap":
        return resource
    return {**resource, "data": {name: text[:100] for name, text in resource["data"].items()}}


def _custom_problems(resource: Resource, folder: Path) -> list[str]:
    """By the schema of what extends the cluster."""
    file = folder / "resource.json"
    file.write_text(json.dumps(resource), encoding="utf-8")
    done = subprocess.run(
        (program("jsonschema"), "--instance", str(file), str(SCHEMAS / f"{resource['kind']}.json")),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    name = f"{resource['kind']} {resource['metadata']['name']}"
    return [f"{name}: {(done.stdout + done.stderr).strip()[-400:]}"] if done.returncode else []


def _run(helm: str, *words: str) -> str:
    done = subprocess.run((program(helm), *words), capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(f"{helm} {words[0]}: {(done.stdout + done.stderr).strip()}")
    return done.stdout
