from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

from gateway.scaffold import EXAMPLE, ScaffoldError, class_name, new_package


def test_every_file_of_the_example_comes_with_the_new_name_and_nothing_of_acme_stays(tmp_path: Path) -> None:
    folder = new_package("my_wallet", tmp_path)
    made = {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert {"pyproject.toml", "my_wallet/adapter.py", "tests/test_my_wallet.py", "README.md", ".gitignore"} <= set(made)
    assert [name for name, text in made.items() if "acme" in (name + text).lower()] == []
    for name, text in made.items():
        if name.endswith(".py"):
            ast.parse(text)
    groups = tomllib.loads(made["pyproject.toml"])["project"]["entry-points"]
    assert groups["mm_gateway.adapters"] == {"my_wallet": "my_wallet:MyWallet"}


def test_what_the_tests_of_the_example_leave_behind_is_not_copied(tmp_path: Path) -> None:
    folder = new_package("my_wallet", tmp_path)
    assert [path for path in folder.rglob("*") if "__pycache__" in path.parts] == []
    assert EXAMPLE.is_dir()


@pytest.mark.parametrize("name, expected", [("acme", "Acme"), ("my_wallet", "MyWallet"), ("pay2go", "Pay2go")])
def test_the_class_is_named_for_the_adapter(name: str, expected: str) -> None:
    assert class_name(name) == expected


@pytest.mark.parametrize(
    "name, text",
    [
        ("My-Wallet", "write small letters, digits and underscores"),
        ("class", "write small letters, digits and underscores"),
        ("9pay", "write small letters, digits and underscores"),
        ("../up", "write small letters, digits and underscores"),
        ("quantum", "an adapter 'quantum' is installed already"),
        ("json", "Python has a package 'json' already"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused_and_nothing_is_written(tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises(ScaffoldError, match=text):
        new_package(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_exists_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "acme").mkdir()
    with pytest.raises(ScaffoldError, match=r"acme exists already; nothing was written"):
        new_package("acme", tmp_path)
    assert list((tmp_path / "acme").iterdir()) == []
