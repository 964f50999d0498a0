"""The parts of `docs/operators.md`, `docs/operators/` and `docs/payment/formats.md` that the plugins themselves know.

``python -m tests.support.operator_pages`` writes them into the pages.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, cast

from pydantic import BaseModel

from gateway.operators import Adapter, Http
from gateway.operators.adapter import implements_look_up
from gateway.operators.registry import adapter, adapters
from gateway.payments.registry import formats, payment_format
from gateway.sandbox.simulated import Simulated, simulated_operators
from gateway.settings.values import DURATION_PATTERN, duration_text

DOCS: Final = Path(__file__).parents[2] / "docs"
INDEX: Final = DOCS / "operators.md"
PAGES: Final = DOCS / "operators"
FORMATS: Final = DOCS / "payment" / "formats.md"

Schema = dict[str, Any]


def page_of(name: str) -> Path:
    """The page of the contract that this adapter speaks."""
    return PAGES / f"{name}.md"


def index() -> str:
    """The table of the adapters that ship, as `docs/operators.md` shows it."""
    table = "| adapter | contract | deposits | look-up | suite |\n|---|---|---|---|---|\n"
    for name, kind in sorted(adapters().items()):
        capabilities = f"{_yes(_has_deposits(kind))} | {_look_up(name, kind)}"
        table += f"| [`{name}`](operators/{name}.md) | {_title(name)} | {capabilities} | {_suite(name)} |\n"
    return table


def settings(name: str) -> str:
    """The table of an adapter's settings."""
    return table_of(adapter(name).Settings)


def payment_settings(name: str) -> str:
    """The table of a payment format's settings."""
    return table_of(payment_format(name).Settings)


def table_of(model: type[BaseModel]) -> str:
    """A row for each setting."""
    schema = model.model_json_schema()
    return "| setting | default | what it is |\n|---|---|---|\n" + "".join(_rows("", schema, schema.get("$defs", {})))


def filled(page: str, part: str, text: str) -> str:
    """The page with this text between the marks of the part."""
    begin, end = f"<!-- begin {part} -->\n", f"<!-- end {part} -->\n"
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}{text}{end}{after}"


def _rows(path: str, section: Schema, definitions: Schema) -> list[str]:
    rows = []
    for key, field in section["properties"].items():
        references = (one.get("$ref", "") for one in (field, *field.get("anyOf", ())))
        inner: Schema = next((definitions[ref.removeprefix("#/$defs/")] for ref in references if ref), {})
        if "properties" in inner:
            if "anyOf" in field:
                rows.append(f"| `{path}{key}` | {_default(key, field, section)} | {field.get('description', '')} |\n")
            rows += _rows(f"{path}{key}.", inner, definitions)
        else:
            said = str(field.get("description", inner.get("description", ""))).replace("|", "\\|").replace("\n", " ")
            rows.append(f"| `{path}{key}` | {_default(key, field, section)} | {said} |\n")
    return rows


def _default(key: str, field: Schema, section: Schema) -> str:
    if key in section.get("required", ()):
        return "*needed*"
    default = field.get("default")
    if default in (None, "", [], {}):
        return ""
    if field.get("pattern") == DURATION_PATTERN:
        return f"`{duration_text(default)}`"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _title(name: str) -> str:
    first_line = page_of(name).read_text(encoding="utf-8").partition("\n")[0]
    return first_line.removeprefix(f"# {name}: ")


def _suite(name: str) -> str:
    """What it comes to in the suite; tests/integration/adapters/test_conformance.py fails for anything else."""
    exempt = len(simulated_operators()[name].load().exemptions)
    return f"gold, [exempt from {exempt}](adapters/suite.md#exemptions)" if exempt else "gold"


def _has_deposits(kind: type[Adapter]) -> bool:
    return kind.deposit is not Adapter.deposit


def _look_up(name: str, kind: type[Adapter]) -> str:
    """Whether the operator can be asked what became of a transfer, under the fewest settings."""
    simulated: type[Simulated] = simulated_operators()[name].load()
    settings = kind.Settings.model_validate(simulated.adapter_settings("https://wallet.example/"))
    if kind(settings, cast("Http", None)).can_look_up():
        return "yes"
    return "if it is set" if implements_look_up(kind) else "no"


def _yes(answer: bool) -> str:
    return "yes" if answer else "no"


def write() -> None:
    """Brings all the pages up to date."""
    for name in adapters():
        page = page_of(name)
        page.write_text(filled(page.read_text(encoding="utf-8"), "settings", settings(name)), encoding="utf-8")
    formats_page = FORMATS.read_text(encoding="utf-8")
    for name in formats():
        formats_page = filled(formats_page, f"settings {name}", payment_settings(name))
    FORMATS.write_text(formats_page, encoding="utf-8")
    INDEX.write_text(filled(INDEX.read_text(encoding="utf-8"), "adapters", index()), encoding="utf-8")


if __name__ == "__main__":
    write()
