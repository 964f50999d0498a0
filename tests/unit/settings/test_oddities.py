"""Secrets from elsewhere that carry more than the secret: told, without showing it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.settings.loader import parse

CONFIGURATION = """\
operators:
  acme:
    adapter: quantum
    credentials: [{username: JohnDoe, password: "PASSWORD"}]
"""


def told(reference: str, environ: dict[str, str]) -> list[str]:
    text = CONFIGURATION.replace("PASSWORD", reference)
    return [str(problem) for problem in parse(text, "gateway.yaml", environ).advice]


@pytest.mark.parametrize(
    "value, odd",
    [
        ("hunter2-hunter2-hunter2\n", "begins or ends with a line break"),
        ("hunter2-hunter2-hunter2\r\n", "begins or ends with a line break"),
        (" hunter2-hunter2-hunter2", "begins or ends with a space"),
        ("\ufeffhunter2-hunter2-hunter2", "begins with a byte order mark"),
    ],
)
def test_what_a_secret_carries_beside_itself_is_told_and_the_secret_is_not(value: str, odd: str) -> None:
    (said,) = told("${SECRET}", {"SECRET": value})
    assert said.startswith("gateway.yaml:4:49: operators.acme.credentials[0].password: the value of ${SECRET} ")
    assert odd in said
    assert "hunter2" not in said


def test_a_file_s_last_line_break_is_none_of_it_and_a_second_one_is(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("hunter2-hunter2-hunter2\n")
    assert told(f"${{file:{file}}}", {}) == []
    file.write_text("hunter2-hunter2-hunter2\n\n")
    assert "a line break" in told(f"${{file:{file}}}", {})[0]
    file.write_text("hunter2-hunter2-hunter2\n", encoding="utf-8-sig")
    assert "a byte order mark" in told(f"${{file:{file}}}", {})[0]


def test_a_key_in_pem_ends_with_a_line_break_by_rights() -> None:
    pem = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
    assert told("${KEY}", {"KEY": pem}) == []
