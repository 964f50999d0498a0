"""What the canaries are made with: lines of functions, tables and constants, changed and put back."""

from __future__ import annotations

import pytest

from tests.support.mutation import Edit, mutated

HERE = "tests.unit.test_mutation:"
TABLE = {"yes": 1}


class _Parent:
    def greet(self) -> str:
        return "hello"


class _Child(_Parent):
    size = 1

    def greet(self) -> str:
        return super().greet() + "!"


@pytest.mark.parametrize(
    "edit",
    [
        Edit(f"{HERE}_Child.greet", '"!"', '"?"'),
        Edit(f"{HERE}_Parent.greet", '"hello"', '"good day"'),
        Edit(f"{HERE}_Child.size", "1", "2"),
        Edit(f"{HERE}TABLE", "1", "2"),
    ],
    ids=lambda edit: str(edit.where),
)
def test_an_edit_holds_until_the_block_ends(edit: Edit) -> None:
    table = TABLE
    healthy = (_Child().greet(), _Child.size, dict(table))
    with mutated([edit]):
        assert (_Child().greet(), _Child.size, dict(table)) != healthy
    assert (_Child().greet(), _Child.size, dict(table)) == healthy


def test_text_that_is_no_longer_there_is_told() -> None:
    with (
        pytest.raises(AssertionError, match="no longer has, once"),
        mutated([Edit(f"{HERE}_Parent.greet", "hi", "ho")]),
    ):
        pass


def test_what_was_changed_before_a_wrong_edit_is_put_back() -> None:
    edits = [Edit(f"{HERE}_Child.size", "1", "2"), Edit(f"{HERE}_Parent.greet", "hi", "ho")]
    with pytest.raises(AssertionError), mutated(edits):
        pass
    assert _Child.size == 1
