"""Under which licences the packages are that the gateway runs on, and whether all of them are allowed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata
from pathlib import Path
from typing import Final, NamedTuple

ALLOWED: Final = frozenset(
    {"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "MPL-2.0", "PSF-2.0", "Zlib"}
)
"""By their SPDX identifiers. They ask for no more than a notice; MPL-2.0 also for the source of its own files, if they
were changed, which ours are not. Whoever adds one has read it."""

ELSEWHERE: Final = {"apsw": "Zlib"}
"""Of packages whose metadata names none: apsw says "any-OSI", and by its LICENSE one may choose, zlib's included."""

_SPDX: Final = {
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "3-Clause BSD License": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "ISC License": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
"""How older metadata names them."""

_PINNED: Final = re.compile(r"^([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?==", re.MULTILINE)


class Package(NamedTuple):
    """A package, and its licence as an SPDX expression; empty where it is not installed here."""

    name: str
    licence: str


def of_requirements(files: Iterable[Path]) -> list[Package]:
    """Of each package that these files pin."""
    names = {name.lower() for file in files for name in _PINNED.findall(file.read_text(encoding="utf-8"))}
    return [_package(name) for name in sorted(names)]


def report(packages: list[Package]) -> tuple[list[str], str, int]:
    """Lines about those that are not allowed, a summary, and the exit status."""
    here = [package for package in packages if package.licence]
    refused = [package for package in here if not is_allowed(package.licence)]
    bad = [f"{name}: {licence} is not in the list of allowed licences" for name, licence in refused]
    absent = [package.name for package in packages if not package.licence]
    lines = [*bad, *(f"not looked at: {name} is not needed on this machine" for name in absent)]
    verdict = f"{len(bad)} of {len(here)} packages are NOT ALLOWED" if bad else f"{len(here)} packages, all allowed"
    return lines, verdict, 1 if bad else 0


def is_allowed(expression: str) -> bool:
    """Whether an SPDX expression of AND and OR can be met with allowed licences alone."""
    plain = expression.replace("(", " ").replace(")", " ")
    if "(" in expression and " OR " in plain and " AND " in plain:
        return all(word in ALLOWED for word in plain.split() if word not in {"AND", "OR"})
    return any(all(one.strip() in ALLOWED for one in way.split(" AND ")) for way in plain.split(" OR "))


def _package(name: str) -> Package:
    try:
        return Package(name, ELSEWHERE.get(name) or licence_of(metadata(name)))
    except PackageNotFoundError:
        return Package(name, "")


def licence_of(told: PackageMetadata) -> str:
    """The licence that a package's metadata names, in the newer way or in one of the older; "unknown" if none."""
    if expression := told.get_all("License-Expression"):
        return str(expression[0])
    text = "".join(told.get_all("License") or ()).strip()
    if text in ALLOWED or text in _SPDX:
        return _SPDX.get(text, text)
    classes = [each.rpartition(" :: ")[2] for each in told.get_all("Classifier") or () if each.startswith("License ::")]
    return " AND ".join(_SPDX.get(each, each) for each in classes if each != "OSI Approved") or text or "unknown"
