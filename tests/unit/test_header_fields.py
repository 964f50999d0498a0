from __future__ import annotations

from time import process_time

import pytest

from gateway.header_fields import media_type, members


@pytest.mark.parametrize(
    "text, name, parameters",
    [
        ("application/json", "application/json", ()),
        ("Application/JSON", "application/json", ()),
        (
            "application/json; charset=utf-8; profile=x",
            "application/json",
            (("charset", "utf-8"), ("profile", "x")),
        ),
        ('a/b;\tCharset="UTF-8" ;x=1', "a/b", (("charset", "UTF-8"), ("x", "1"))),
        ('a/b; x="a;charset=latin-1"', "a/b", (("x", "a;charset=latin-1"),)),
        (r'a/b; x="say \"hi\" \\"', "a/b", (("x", 'say "hi" \\'),)),
        ("a/b;", "a/b", ()),
        ("a/b; ; ;x=1;", "a/b", (("x", "1"),)),
        ("a/vnd.b+json;q=0.5", "a/vnd.b+json", (("q", "0.5"),)),
        ('a/b; x=""', "a/b", (("x", ""),)),
    ],
)
def test_a_media_type_is_read_with_all_its_parameters(
    text: str, name: str, parameters: tuple[tuple[str, str], ...]
) -> None:
    assert media_type(text) == (name, parameters)


@pytest.mark.parametrize(
    "text", ["", "a", "a/", "/b", "a/b/c", "a/b; x", "a/b; x=", "a/b; =1", "a/b, c/d", 'a/b; x="', "a/b; x=a b", "a /b"]
)
def test_what_is_no_media_type_is_not_taken_for_one(text: str) -> None:
    assert media_type(text) is None


@pytest.mark.parametrize(
    "text", ["a/b" + ";   " * 2000 + "\x00", 'a/b; x="' + "\\a" * 4000, "a/b;" + "x=1;" * 2000 + "!"]
)
def test_a_long_header_takes_no_longer_to_read_than_it_is_long(text: str) -> None:
    begun = process_time()
    assert media_type(text) is None
    assert process_time() - begun < 0.5


@pytest.mark.parametrize(
    "text, found", [("", []), ("a", ["a"]), ("A, b ,\tc", ["a", "b", "c"]), (",, a,, b,", ["a", "b"])]
)
def test_a_list_has_its_members_and_no_empty_ones(text: str, found: list[str]) -> None:
    assert members(text) == found
