"""One idea a module, and short functions: a long one is two ideas."""

from __future__ import annotations

from statistics import median

from tests.tidy.tree import PRODUCT, functions, lines_of, modules


def test_no_module_is_longer_than_600_lines() -> None:
    assert [str(path) for path, source in modules() if source.count("\n") > 600] == []


def test_half_of_the_modules_stay_under_250_lines() -> None:
    assert median(source.count("\n") for _, source in modules(*PRODUCT)) < 250


def test_no_function_is_longer_than_60_lines() -> None:
    assert [place for place, node in functions() if lines_of(node) > 60] == []


def test_half_of_the_functions_stay_under_10_lines() -> None:
    assert median(lines_of(node) for _, node in functions(*PRODUCT)) < 10
