from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.wire.errors import ErrorCode, WalletError
from gateway.wire.replies import error

PAGE = Path(__file__).parents[3] / "docs" / "errors.md"
ROW = re.compile(r"^\| (?P<code>\d+) \| (?P<name>\w+) \| (?P<status>\d+) \| \S.* \| \S.* \|$", re.MULTILINE)


def test_the_page_of_errors_lists_every_code_with_its_name_and_status_and_no_other() -> None:
    listed = [(int(code), name, int(status)) for code, name, status in ROW.findall(PAGE.read_text(encoding="utf-8"))]
    assert listed == [(code.value, code.name, code.status) for code in ErrorCode]


@pytest.mark.parametrize("code", ErrorCode)
def test_an_error_leaves_with_a_status_that_the_contract_knows(code: ErrorCode) -> None:
    assert code.status in {400, 401, 500}


def test_the_error_body_is_the_contract_s() -> None:
    why = WalletError(ErrorCode.OTHER, "An unexpected internal error occurred.")
    assert error(why) == b'{"errorCode":100,"errorDescription":"An unexpected internal error occurred."}'


def test_a_description_that_is_no_unicode_is_still_answered() -> None:
    assert error(WalletError(ErrorCode.OTHER, "half a pair: \ud83d")) == (
        b'{"errorCode":100,"errorDescription":"half a pair: ?"}'
    )
