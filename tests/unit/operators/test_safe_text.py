from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from time import process_time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from gateway.operators.safe_text import EXCERPT_LIMIT, TEXT_LIMIT, excerpt_of, fit_text, secrets_of

TOKEN = "0fabcdc4-fe07-44f2-b968-93da3b324898"

LETTERS = st.characters(
    categories=("L", "N", "P", "S"), exclude_characters="<>…[]\\%+&\u115f\u1160\u17b4\u17b5\u3164\uffa0"
)
SECRETS = st.text(LETTERS, min_size=4, max_size=40)
"""Whatever can be typed, but for what the texts around it hold, or what itself begins an escape."""


def in_json(letter: str) -> str:
    units = letter.encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def in_percent(letter: str) -> str:
    return "".join(f"%{byte:02x}" for byte in letter.encode())


ESCAPES: dict[str, Callable[[str], str]] = {
    "json": in_json,
    "JSON": lambda letter: in_json(letter).upper().replace("\\U", "\\u"),
    "json in json": lambda letter: in_json(letter).replace("\\", "\\\\"),
    "json short": lambda letter: f"\\{letter}" if letter in "/\"'" else letter,
    "percent": in_percent,
    "PERCENT": lambda letter: in_percent(letter).upper(),
    "percent twice": lambda letter: in_percent(letter).replace("%", "%25"),
    "html decimal": lambda letter: f"&#{ord(letter)};",
    "html": lambda letter: f"&#x{ord(letter):X};",
    "html of eight digits": lambda letter: f"&#{ord(letter):08};",
    "html of eight hex digits": lambda letter: f"&#x{ord(letter):08x};",
    "python": lambda letter: f"\\U{ord(letter):08x}",
    "in braces": lambda letter: f"\\u{{{ord(letter):x}}}",
    "octal": lambda letter: "".join(f"\\{byte:03o}" for byte in letter.encode()),
    "percent u": lambda letter: in_json(letter).replace("\\", "%"),
    "html in json": lambda letter: "".join(map(in_json, f"&#{ord(letter)};")),
}

ENCODED: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "json": lambda secret: json.dumps(secret)[1:-1],
    "json in json": lambda secret: json.dumps(json.dumps(secret))[3:-3],
    "percent": quote,
    "form": quote_plus,
    "hex": lambda secret: secret.encode().hex(),
    "HEX": lambda secret: secret.encode().hex().upper(),
    "numbers": lambda secret: ", ".join(map(str, secret.encode())),
    "hex numbers": lambda secret: ", ".join(f"0x{byte:02x}" for byte in secret.encode()),
    "html without semicolons": lambda secret: "".join(f"&#{ord(letter)}" for letter in secret),
}


@given(st.text(max_size=2 * TEXT_LIMIT))
def test_any_text_becomes_one_bounded_line_that_can_be_written(text: str) -> None:
    fit = fit_text(text, ["secret"])
    assert len(fit) <= TEXT_LIMIT
    assert fit.encode().decode() == fit
    assert fit.splitlines() in ([], [fit])
    assert all(character.isprintable() or character > "\x9f" for character in fit)


@pytest.mark.parametrize(
    "text",
    [
        "Guthaben zu niedrig (Fehler 7)",
        "unknown session: try again",
        "error 104: the key is 100 % wrong & the monkey=ape",
        '{"errorKey":"NO_FUNDS","sessionStatus":"closed","token":null,"tokens":3,"keyboard":"qwerty"}',
        "HTTP 502: Bad Gateway",
    ],
)
def test_an_ordinary_text_stays_as_it_is(text: str) -> None:
    assert fit_text(text, [TOKEN]) == text


@given(st.text(max_size=300), st.text(max_size=300), st.text(alphabet="abc123", min_size=4, max_size=40))
def test_a_secret_never_comes_out(before: str, after: str, secret: str) -> None:
    assert secret not in fit_text(before + secret + after, [secret]).replace("[hidden]", "")


@pytest.mark.parametrize("encoded", ENCODED)
@given(SECRETS)
def test_a_secret_is_found_however_it_is_encoded(encoded: str, secret: str) -> None:
    assert fit_text(f"said <{ENCODED[encoded](secret)}>", [secret]) == "said <[hidden]>"


@pytest.mark.parametrize("escape", ESCAPES)
@given(SECRETS, st.data())
def test_a_secret_is_found_whichever_of_its_letters_are_escaped(escape: str, secret: str, data: st.DataObject) -> None:
    escaped = [ESCAPES[escape](letter) if data.draw(st.booleans()) else letter for letter in secret]
    assert fit_text(f"said <{''.join(escaped)}>", [secret]) == "said <[hidden]>"


@given(SECRETS, st.binary(max_size=4), st.binary(max_size=4), st.sampled_from([b64encode, urlsafe_b64encode]))
def test_a_secret_is_found_within_base64_wherever_it_begins(
    secret: str, before: bytes, after: bytes, encode: Callable[[bytes], bytes]
) -> None:
    encoded = encode(before + secret.encode() + after).decode()
    fit = fit_text(f"said <{encoded}>", [secret])
    assert "[hidden]" in fit
    left = fit.removeprefix("said <").removesuffix(">").split("[hidden]")
    assert sum(map(len, left)) <= len(encode(before)) + len(encode(after)) + 4


@pytest.mark.parametrize("coding", ["utf-16-le", "utf-16-be"])
@given(SECRETS)
def test_a_secret_is_found_in_what_is_made_of_its_utf_16(coding: str, secret: str) -> None:
    wide = secret.encode(coding)
    assert len(fit_text(f"said <{wide.hex()}>", [secret]).replace("[hidden]", "")) <= len("said <00>")
    assert len(fit_text(f"said <{b64encode(wide).decode()}>", [secret]).replace("[hidden]", "")) <= len(
        "said <AAAAAA==>"
    )


@pytest.mark.parametrize("mark", ["...", "…", "***", "*****"])
@pytest.mark.parametrize("spelled", ["correct-horse-b", "Y29ycmVjdC1ob3JzZS1iYX", "636f72726563742d686f"])
def test_the_beginning_of_a_secret_is_found_where_the_operator_cut_it_off(mark: str, spelled: str) -> None:
    secret = "correct-horse-battery-staple"
    assert fit_text(f"wrong: {spelled}{mark} (3 tries)", [secret]) == f"wrong: [hidden]{mark} (3 tries)"
    assert fit_text(f"please wait{mark} (3 tries)", [secret]) == f"please wait{mark} (3 tries)"


def test_credentials_are_found_in_a_header_that_is_quoted() -> None:
    fit = fit_text("You sent Basic Sm9obkRvZTpNeVBhc3M= to us", ["MyPass"])
    assert fit == "You sent Basic Sm9obkRvZTp[hidden]M= to us"  # M stands for two bits of the secret


@pytest.mark.parametrize(
    "escape", ["json", "percent", "html", "percent twice", "python", "in braces", "octal", "percent u"]
)
@given(SECRETS, st.integers(0, EXCERPT_LIMIT))
def test_the_beginning_of_a_secret_is_found_where_an_excerpt_cuts_it_off(escape: str, secret: str, at: int) -> None:
    for each in (str, ESCAPES[escape]):
        escaped = ["".join(map(each, secret[:length])) for length in (4, len(secret))]
        body = "x" * (at - 1) + "<" + escaped[1] + "y" * EXCERPT_LIMIT
        fit = fit_text(f"HTTP 400: {excerpt_of(body.encode())}", [secret])
        assert escaped[0] not in fit


@given(st.integers(0, EXCERPT_LIMIT), st.sampled_from([b64encode, urlsafe_b64encode]))
def test_the_beginning_of_a_secret_in_base64_is_found_where_an_excerpt_cuts_it_off(
    at: int, encode: Callable[[bytes], bytes]
) -> None:
    for before in (b"", b"a", b"ab"):
        body = b"x" * at + b" " + encode(before + b"correct horse battery staple") + b" " * EXCERPT_LIMIT + b"y"
        fit = fit_text(excerpt_of(body), ["correct horse battery staple"])
        assert len(fit.rpartition(" ")[2].replace("[hidden]", "").strip("…")) < 12 or "x" in fit.rpartition(" ")[2]


@pytest.mark.parametrize("encode", [quote, quote_plus])
def test_a_secret_of_several_words_is_found_in_an_address(encode: Callable[[str], str]) -> None:
    secret = "correct horse 100% + 1"
    assert fit_text(f"said <{encode(secret)}>", [secret]) == "said <[hidden]>"


def test_a_key_of_many_lines_is_found_in_one_line() -> None:
    pem = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END PRIVATE KEY-----\n"
    assert fit_text(excerpt_of(f"said {pem} twice".encode()), [pem]) == "said [hidden] twice"
    assert fit_text(f"said {json.dumps(pem)}", [pem]) == 'said "[hidden]"'


def test_a_secret_in_a_secret_leaves_nothing_of_either() -> None:
    assert fit_text("said abcdef-ghijkl", ["abcdef", "abcdef-ghijkl"]) == "said [hidden]"


def test_what_is_too_short_to_be_a_secret_blots_out_no_words() -> None:
    assert fit_text("an error", ["a", "err", ""]) == "an error"


@pytest.mark.parametrize(
    "name", ["token", "sessionToken", "access_token", "password", "client-secret", "session", "KEY"]
)
@pytest.mark.parametrize(
    "form",
    [
        '{{"x":1,"{name}":"{value}","y":2}}',
        '{{"x":1,"{name}" : "{value}","y":2}}',
        "{{'{name}': '{value}'}}",
        '{{\\"{name}\\":\\"{value}\\",\\"y\\":2}}',
        "x=1&{name}={value}&y=2",
        "{name} = {value}; y",
        '{{"{name}":"{value}…',
        '{{"{name}":["{value}"],"y":2}}',
    ],
)
def test_what_stands_under_the_name_of_a_secret_is_hidden(name: str, form: str) -> None:
    text = form.format(name=name, value="cafe-17")
    fit = fit_text(text)
    assert "cafe" not in fit
    assert "[hidden]" in fit
    assert ("y" in text) is ("y" in fit.replace(name, "").replace("key", ""))


@pytest.mark.parametrize(
    "text, fit",
    [
        ('{"password":"a\\"b\\\\","y":2}', '{"password":"[hidden]","y":2}'),
        ('{"session":123456,"y":2}', '{"session":[hidden],"y":2}'),
        ("Authorization: Basic Sm9obkRvZTpNeVBhc3M=, y", "Authorization: [hidden], y"),
        ("Set-Cookie: sid=abc; y", "Set-Cookie: [hidden]; y"),
        ('{"key":true,"token":""}', '{"key":true,"token":"[hidden]"}'),
    ],
)
def test_values_of_every_kind_are_hidden_by_their_names(text: str, fit: str) -> None:
    assert fit_text(text) == fit


@pytest.mark.parametrize(
    "piece",
    [
        "\\",
        "\\u",
        "\\u0061",
        "%",
        "%25",
        "&#",
        "&amp;",
        "+%61",
        "…",
        "a…",
        "token",
        "token=",
        '"key":"',
        "a-",
        "[",
        "abc",
    ],
)
def test_a_text_meant_to_take_long_does_not(piece: str) -> None:
    secrets = [TOKEN, "abcabcabcabcabcd", "a-a-a-a-a-a-a-aa", "x" * 2000]
    begun = process_time()
    fit_text(piece * 100_000, secrets)
    assert process_time() - begun < 0.2


def test_secrets_are_found_however_deep() -> None:
    class Key(BaseModel):
        pem: SecretStr

    class Settings(BaseModel):
        user: str = "u"
        password: SecretStr = SecretStr("one")
        key: Key = Key(pem=SecretStr("two"))
        more: dict[str, list[SecretStr]] = {"x": [SecretStr("three")]}

    assert list(secrets_of(Settings())) == ["one", "two", "three"]


@pytest.mark.parametrize(
    "spelled",
    [
        TOKEN.upper(),
        TOKEN.replace("-", ""),
        TOKEN.replace("-", "").upper(),
        TOKEN[:9] + "\u00ad" + TOKEN[9:],
        "\u200d".join(TOKEN),
    ],
)
def test_a_token_is_found_in_large_letters_without_dashes_and_with_what_cannot_be_seen_in_it(spelled: str) -> None:
    assert fit_text(f"unknown session {spelled}, sorry", [TOKEN]) == "unknown session [hidden], sorry"
