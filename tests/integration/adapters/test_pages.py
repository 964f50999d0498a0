from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

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


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    """The example of the page, as files."""
    for name, text in FILES.findall(page("adapters.md")):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_the_example_adapter_passes_the_suite_as_printed(plugin: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "test_acme.py"],
        cwd=plugin,
        env={"PYTHONPATH": f"{plugin}:{ROOT}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
    assert " failed" not in ran.stdout


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
