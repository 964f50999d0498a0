from __future__ import annotations

import re

import pytest
import yaml

from adapters.hub88.sandbox_key import SANDBOX_KEY
from gateway.operators.registry import adapters, validate
from tests.support.operator_pages import filled, index, settings
from tests.tidy.tree import ROOT

FILES = re.compile(r"^```python file=(?P<name>\S+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
SETTINGS = re.compile(r"^```yaml adapter=(?P<adapter>\S+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)

SECRET = re.compile(r"\$\{[A-Z_0-9]+\}")
ENTRY_POINTS = re.compile(r"^```toml\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name, text", FILES.findall(page("adapters.md")))
def test_the_example_is_what_a_new_package_holds(name: str, text: str) -> None:
    # tests/integration/scaffold makes such a package and runs its tests.
    assert text == (ROOT / "gateway" / "scaffold" / "package" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("adapter", sorted(adapters()))
def test_every_adapter_that_ships_has_a_page_whose_settings_are_valid_as_printed(adapter: str) -> None:
    printed = [text for name, text in SETTINGS.findall(page(f"operators/{adapter}.md")) if name == adapter]
    assert printed
    for text in printed:
        settings = yaml.safe_load(SECRET.sub("a-secret", text))["settings"]
        if "private_key" in settings:
            settings["private_key"] = SANDBOX_KEY
        assert validate(adapter, settings).model_dump()


@pytest.mark.parametrize("adapter", sorted(adapters()))
def test_the_page_of_an_adapter_lists_every_setting(adapter: str) -> None:
    whole = page(f"operators/{adapter}.md")
    assert whole == filled(whole, "settings", settings(adapter))


def test_the_index_lists_every_adapter() -> None:
    whole = page("operators.md")
    assert whole == filled(whole, "adapters", index())


def test_the_entry_points_are_in_the_groups_that_are_searched() -> None:
    (text,) = ENTRY_POINTS.findall(page("adapters.md"))
    ours = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    groups = [line for line in text.splitlines() if line.startswith("[")]
    assert len(groups) == 2
    assert [group for group in groups if group not in ours] == []
