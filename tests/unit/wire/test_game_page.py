"""The page for who integrates the game shows the messages as the code has them."""

from __future__ import annotations

from gateway.wire.openapi import document, operators_document
from tests.support.game_page import MESSAGES, PAGE, page


def test_the_tables_are_those_of_the_models() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "python -m tests.support.game_page"


def test_every_message_has_a_table() -> None:
    shown = {name for names in MESSAGES.values() for name in names}
    described = {*document()["components"]["schemas"], *operators_document()["components"]["schemas"]}
    assert described - shown == {"BalanceReply", "QueriedState"}, "one holds a Balance alone, the other is a word"
