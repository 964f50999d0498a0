"""The reference part of `docs/configuration.md`, made from the configuration's own schema.

``python -m tests.support.reference`` writes it into the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from gateway.settings import json_schema

PAGE: Final = Path(__file__).parents[2] / "docs" / "configuration.md"
BEGIN: Final = "<!-- begin reference -->\n"
END: Final = "<!-- end reference -->\n"
REF: Final = "#/$defs/"

Schema = dict[str, Any]


def reference() -> str:
    """One table for each section, in the order in which they are met; one that comes again is only named."""
    whole = json_schema({})
    first: dict[str, str] = {}
    sections = list(_sections("", whole, whole["$defs"]))
    said = {path: _said(section) for path, section in sections}
    return "\n".join(_table(path, section, first, said) for path, section in sections)


def in_page(page: str) -> str:
    """What the page holds between its marks."""
    return page.partition(BEGIN)[2].partition(END)[0]


def _sections(path: str, section: Schema, definitions: Schema) -> Iterator[tuple[str, Schema]]:
    yield path, section
    for key, field in section["properties"].items():
        for suffix, name in _inner(field):
            yield from _sections(f"{path}.{key}{suffix}".removeprefix("."), definitions[name], definitions)


def _inner(field: Schema) -> Iterator[tuple[str, str]]:
    """The section under a key, and how it is reached from there."""
    within = [("", field), ("[]", field.get("items", {})), *(("", each) for each in field.get("anyOf", ()))]
    within += [(".NAME", each) for each in field.get("patternProperties", {}).values()]
    for suffix, each in within:
        name = each.get("$ref", "").removeprefix(REF)
        if name and name != "Reference":
            yield suffix, name


def _table(path: str, section: Schema, first: dict[str, str], said: dict[str, str]) -> str:
    title = f"### `{path}`" if path else "### The whole file"
    keys = str(sorted(section["properties"]))
    if keys in first:
        return f"{title}\n\nAs `{first[keys]}`.\n"
    first[keys] = path
    rows = [
        f"| `{key}` | {_default(key, field, section)} | {_said(field) or said[f'{path}.{key}'.removeprefix('.')]} |"
        for key, field in section["properties"].items()
    ]
    return f"{title}\n\n{_said(section)}\n\n| key | default | what it is |\n|---|---|---|\n" + "\n".join(rows) + "\n"


def _said(schema: Schema) -> str:
    return str(schema.get("description", "")).replace("|", "\\|")


def _default(key: str, field: Schema, section: Schema) -> str:
    if key in section.get("required", ()):
        return "*needed*"
    default = field.get("default")
    if default in (None, [], ()):
        return ""
    if isinstance(default, list | tuple):
        return f"`[{', '.join(default)}]`"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


if __name__ == "__main__":
    page = PAGE.read_text(encoding="utf-8")
    whole = re.sub(f"{BEGIN}.*{END}", lambda _: BEGIN + reference() + END, page, flags=re.DOTALL)
    PAGE.write_text(whole, encoding="utf-8")
