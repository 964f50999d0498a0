from __future__ import annotations

from gateway.cli import admin_page
from gateway.runtime import open_journals

SLACK_S = 1.5


def test_a_gateway_whose_journal_hangs_is_heard_saying_so() -> None:
    assert admin_page.TIMEOUT_S >= open_journals.CHECK_TIMEOUT_S + SLACK_S
