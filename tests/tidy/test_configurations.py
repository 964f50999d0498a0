"""Every configuration that the project shows can be used, and its reference and schema are those of the program."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from gateway.operators import registry
from gateway.payments.registry import payment_format
from gateway.settings import SettingsError, json_schema
from gateway.settings.loader import parse
from tests.support import reference
from tests.tidy.tree import ROOT, pages, texts

SNIPPET = re.compile(r"^```ya?ml\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
REFERENCE = re.compile(r"\$\{(?P<name>[A-Z_]+)\}")
FILE = re.compile(r"\$\{file:[^}]+\}")
AUTHORITIES = re.compile(r"sslrootcert=[^&\s]+")
IN_A_FILE = "A" * 43 + "="  # 32 bytes in base64: fit for a password, and for a key
COMMENTED = re.compile(r"^(\s*)# ( *(?:- )?[a-z_]+:(?: .*)?)$", re.MULTILINE)


def examples() -> Iterator[tuple[str, str]]:
    """Every whole configuration in a page or a file: what has operators."""
    for page, text in pages():
        for number, match in enumerate(SNIPPET.finditer(text), 1):
            if re.search(r"^operators:", match["text"], re.MULTILINE):
                yield f"{page} #{number}", match["text"]
    for path, text in texts():
        if (
            path.parts[0] == "config"
            and path.suffix in (".yaml", ".yml")
            and re.search(r"^operators:", text, re.MULTILINE)
        ):
            yield str(path), text


def problems(name: str, text: str) -> list[str]:
    text = AUTHORITIES.sub(f"sslrootcert={__file__}", FILE.sub(IN_A_FILE, text))
    environ = dict.fromkeys((match["name"] for match in REFERENCE.finditer(text)), "value-of-a-variable")
    try:
        parse(
            text,
            name,
            environ,
            lambda adapter: registry.adapter(adapter).Settings,
            payment_settings_of=lambda form: payment_format(form).Settings,
        )
    except SettingsError as error:
        return str(error).splitlines()
    return []


@pytest.mark.parametrize("name, text", [pytest.param(name, text, id=name) for name, text in examples()])
def test_every_example_of_a_configuration_can_be_used(name: str, text: str) -> None:
    assert problems(name, text) == []


def test_what_is_commented_out_in_the_example_is_right_too() -> None:
    text = (ROOT / "config" / "gateway.yaml").read_text(encoding="utf-8")
    whole = COMMENTED.sub(r"\1\2", text)
    environment = ("cannot be read", "there is no file", "give either password", "is not an Argon2 hash")
    assert whole.count("\n#") < text.count("\n#")
    assert [line for line in problems("gateway.yaml", whole) if not any(each in line for each in environment)] == []


def test_the_example_names_every_key_that_an_operator_and_a_journal_can_have() -> None:
    text = (ROOT / "config" / "gateway.yaml").read_text(encoding="utf-8")
    schema = json_schema({})["$defs"]
    assert [key for key in schema["DeliverySettings"]["properties"] if f"{key}:" not in text] == []
    assert [key for key in ("url", "encryption_key", "keep") if f"{key}:" not in text] == []


def test_the_published_schema_is_the_programs() -> None:
    published = json.loads((ROOT / "config" / "gateway.schema.json").read_text(encoding="utf-8"))
    assert published == json_schema({}), "mm-gateway schema --general > config/gateway.schema.json"


def test_every_key_of_the_example_is_in_the_published_schema() -> None:
    schema = json.loads((ROOT / "config" / "gateway.schema.json").read_text(encoding="utf-8"))
    example = yaml.safe_load((ROOT / "config" / "gateway.yaml").read_text(encoding="utf-8"))
    assert set(example) <= set(schema["properties"])


def test_the_page_on_configuration_has_every_key_with_its_default() -> None:
    page = reference.PAGE.read_text(encoding="utf-8")
    assert reference.in_page(page) == reference.reference(), "python -m tests.support.reference"


def test_every_message_shown_on_the_page_is_one_that_is_given() -> None:
    page = Path(reference.PAGE).read_text(encoding="utf-8")
    shown = re.findall(r"^gateway\.yaml:\d+:\d+: operators\.acme\.(.*)$", page, re.MULTILINE)
    text = (ROOT / "config" / "gateway.yaml").read_text(encoding="utf-8")
    broken = text.replace("# timeout: 5s", "timeout: 5 parsecs").replace("# limits:", "limts:")
    given = [line.partition("operators.acme.")[2] for line in problems("gateway.yaml", broken)]
    assert sorted(given) == sorted(shown)
