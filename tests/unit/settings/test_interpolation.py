from __future__ import annotations

import pytest

from gateway.settings.interpolation import InterpolationError, interpolate, refers

ENVIRON = {"NAME": "value", "EMPTY": "", "TRICKY": "${NAME}$$"}


@pytest.mark.parametrize(
    "text, value",
    [
        ("plain", "plain"),
        ("${NAME}", "value"),
        ("a${NAME}b${NAME}c", "avaluebvaluec"),
        ("${EMPTY}", ""),
        ("${EMPTY:-default}", "default"),
        ("${MISSING:-default}", "default"),
        ("${MISSING:-}", ""),
        ("${NAME:-default}", "value"),
        ("${MISSING:-a:-b}", "a:-b"),
        ("$${NAME}", "${NAME}"),
        ("$$", "$"),
        ("$", "$"),
        ("pa$word", "pa$word"),
        ("$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA", "$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA"),
        ("${TRICKY}", "${NAME}$$"),
    ],
)
def test_references_are_followed(text: str, value: str) -> None:
    assert interpolate(text, ENVIRON, {}) == value


@pytest.mark.parametrize(
    "text, problem",
    [
        ("${MISSING}", r"the environment variable MISSING is not set; set it, or write \$\{MISSING:-default\}"),
        ("${NAME", r'"\$\{" is not closed; write "\}" behind the name, or "\$\$" for a "\$" itself'),
        ("${}", "must name an environment variable"),
        ("${1X}", "must name an environment variable"),
        ("${NAME-x}", "must name an environment variable"),
        ("${file:/no/such/file}", "the file /no/such/file cannot be read: No such file or directory"),
    ],
)
def test_what_cannot_be_followed_is_said(text: str, problem: str) -> None:
    with pytest.raises(InterpolationError, match=problem):
        interpolate(text, ENVIRON, {})


def test_what_was_followed_is_known_by_its_value() -> None:
    followed: dict[str, str] = {}
    interpolate("a${NAME}b$$", ENVIRON, followed)
    assert followed == {"value": "${NAME}"}


@pytest.mark.parametrize(
    "text, does", [("${NAME}", True), ("a${NAME}", True), ("$${NAME}", False), ("$", False), ("x", False)]
)
def test_a_reference_is_told_from_an_escaped_one(text: str, *, does: bool) -> None:
    assert refers(text) is does
