from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from gateway.launch.urls import build_url, signed_time
from gateway.launch.values import read_launch
from gateway.settings import LaunchSettings, LaunchSignatureSettings
from gateway.wire.errors import WalletError
from gateway.wire.requests import LaunchRequest

NOW_S = 1_795_939_323.456
EVERY = "lang={language}&cur={currency}&platform={platform}&demo={demo}&lobby={lobby_url}"
LOBBIES = ("https://good.example", "http://localhost:8000", "https://[::1]:8443")
NAMES = {"language": "lang", "currency": "cur", "platform": "platform", "lobbyUrl": "lobby", "token": "token"}
SIGNATURE = {"secret": "correct-horse", "name": "sign", "time_name": "at"}


def settings(url: str = f"https://game.example/play?{EVERY}", **changes: Any) -> LaunchSettings:
    lobbies = LOBBIES if "{lobby_url}" in url else ()
    return LaunchSettings.model_validate({"url": url, "lobby_origins": lobbies, **changes})


def url_of(launch: LaunchSettings, now_s: float = NOW_S, /, **sent: Any) -> str:
    return build_url(launch, read_launch(launch, json.dumps({"token": "t0ken", **sent}).encode()), now_s)


def hmac_sha256(key: bytes, message: bytes) -> str:
    """RFC 2104 as it is written there."""
    block = (key if len(key) <= 64 else hashlib.sha256(key).digest()).ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block) + message).digest()
    return hashlib.sha256(bytes(byte ^ 0x5C for byte in block) + inner).hexdigest()


def test_every_value_stands_where_the_template_says() -> None:
    sent: dict[str, Any] = {
        "language": "pt-BR",
        "currency": "EUR",
        "platform": "mobile",
        "lobbyUrl": "https://good.example/a?b=c&d#e",
    }
    assert url_of(settings(), **sent) == (
        "https://game.example/play?lang=pt-BR&cur=EUR&platform=mobile&demo=false"
        "&lobby=https%3A%2F%2Fgood.example%2Fa%3Fb%3Dc%26d%23e&token=t0ken"
    )


def test_a_value_that_is_left_out_takes_its_parameter_with_it() -> None:
    assert url_of(settings(), language="", currency=None) == "https://game.example/play?demo=false&token=t0ken"


@pytest.mark.parametrize(
    "template, url",
    [
        ("https://Game.example:443", "https://Game.example:443?token=t0ken"),
        ("https://game.example/", "https://game.example/?token=t0ken"),
        ("https://game.example/{language}/x//", "https://game.example/en/x//?token=t0ken"),
        ("https://game.example/?a=%7B+&b", "https://game.example/?a=%7B+&b&token=t0ken"),
        ("https://game.example/#lang={language}&z", "https://game.example/?token=t0ken#lang=en&z"),
        ("https://game.example/#/t?lang={language}", "https://game.example/?token=t0ken#/t?lang=en"),
        ("https://game.example/#!/t?", "https://game.example/?token=t0ken#!/t"),
    ],
)
def test_what_the_template_fixes_is_kept_as_it_is_written(template: str, url: str) -> None:
    sent: dict[str, Any] = {"language": "en"} if "{language}" in template else {}
    assert url_of(settings(template), **sent) == url


@pytest.mark.parametrize(
    "template, url",
    [
        ("https://game.example/?x=1", "https://game.example/?x=1#session=t0ken"),
        ("https://game.example/#demo={demo}", "https://game.example/#demo=false&session=t0ken"),
        ("https://game.example/#/play", "https://game.example/#/play?session=t0ken"),
    ],
)
def test_a_token_in_the_fragment_is_sent_to_no_server(template: str, url: str) -> None:
    assert url_of(settings(template, token_in="fragment", token_name="session")) == url


def test_a_token_is_percent_encoded_whatever_it_holds() -> None:
    assert url_of(settings("https://game.example/"), token="a/b?c=d&e#f g+%41~ü😀").endswith(
        "?token=a%2Fb%3Fc%3Dd%26e%23f%20g%2B%2541~%C3%BC%F0%9F%98%80"
    )


def test_a_demo_is_written_as_the_game_reads_it() -> None:
    launch = settings("https://game.example/?mode={demo}", demo=True, demo_on="demo", demo_off="real")
    assert url_of(launch, token=None, demo=True) == "https://game.example/?mode=demo"
    assert url_of(launch, demo=False) == "https://game.example/?mode=real&token=t0ken"


def test_the_query_is_signed_as_it_stands_in_the_url() -> None:
    url = url_of(settings(signature=SIGNATURE), token="ü/1", lobbyUrl="https://good.example/?a=b")
    signed, _, signature = urlsplit(url).query.rpartition("&sign=")
    assert signed.endswith("&token=%C3%BC%2F1&at=1795939200")
    assert signature == hmac_sha256(b"correct-horse", signed.encode())


@given(st.text(min_size=1), st.text(max_size=20))
def test_a_signature_is_the_hmac_of_an_independent_computation(secret: str, token: str) -> None:
    launch = settings(signature={**SIGNATURE, "secret": secret}, demo=True)
    try:
        url = url_of(launch, token=token, demo=True)
    except WalletError:
        return
    signed, _, signature = urlsplit(url).query.rpartition("&sign=")
    assert signature == hmac_sha256(secret.encode(), signed.encode())


def test_a_signature_does_not_cover_the_fragment() -> None:
    launch = settings("https://game.example/", signature=SIGNATURE, token_in="fragment")
    url = url_of(launch)
    assert url.endswith("#token=t0ken")
    assert urlsplit(url).query == f"at=1795939200&sign={hmac_sha256(b'correct-horse', b'at=1795939200')}"


@pytest.mark.parametrize(
    "changes, at",
    [
        ({}, 1_795_939_200),
        ({"time_unit": "ms"}, 1_795_939_200_000),
        ({"valid_for": 60.0}, 1_795_939_320),
        ({"valid_for": 2.0}, 1_795_939_323),
        ({"valid_for": 0.5, "time_unit": "ms"}, 1_795_939_323_250),
        ({"valid_for": 0.0001, "time_unit": "ms"}, 1_795_939_323_456),
    ],
)
def test_the_time_is_rounded_down_to_half_of_what_it_is_valid_for(changes: dict[str, Any], at: int) -> None:
    signature = LaunchSignatureSettings.model_validate({"secret": "correct-horse", **changes})
    assert signed_time(signature, NOW_S) == at


@given(now_s=st.floats(0, 4e9), later_s=st.floats(0, 1e4), valid_for=st.floats(1, 1e4))
def test_a_repeat_within_the_same_half_gives_the_same_url_and_each_is_good_for_the_other_half(
    now_s: float, later_s: float, valid_for: float
) -> None:
    launch = settings(signature={**SIGNATURE, "time_unit": "ms", "valid_for": valid_for})
    assert launch.signature is not None
    at_ms = signed_time(launch.signature, now_s)
    same_half = int((now_s + later_s) * 1000) < at_ms + int(valid_for * 500)
    assert (url_of(launch, now_s) == url_of(launch, now_s + later_s)) is same_half
    assert at_ms + valid_for * 1000 - now_s * 1000 >= valid_for * 500 - 1


def test_without_a_signature_a_repeat_gives_the_same_url_at_any_time() -> None:
    assert url_of(settings(), 0.0) == url_of(settings(), NOW_S)


PIECES = (
    *("https://good.example", "http://localhost:8000", "https://[::1]:8443", "HTTPS://GOOD.EXAMPLE:443", "/", "?", "#"),
    *("https://evil.example", "good.example", "evil.example", "javascript:", "//", "\\", "@", ".", ":", "%0a", "%2f"),
    *("\t", "\n", "\r", "\x00", " ", "&", "=", "+", "%", "&token=x", "&lobby=", "ü", "。", "\u202e", "a", "EUR", "en"),
)
TEXT = st.lists(st.sampled_from(PIECES), max_size=6).map("".join) | st.text(max_size=30)
LOBBY = st.sampled_from(PIECES[:4]).flatmap(lambda origin: TEXT.map(origin.__add__))
PATH = st.text("abc/?&=+~;:@", max_size=20).map("/".__add__)
LIKELY = {
    "token": st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=40),
    "language": st.sampled_from(("en", "pt-BR", "zh-Hant")),
    "currency": st.sampled_from(("EUR", "XAG")),
    "platform": st.sampled_from(("desktop", "mobile")),
    "demo": st.booleans(),
    "lobbyUrl": st.builds("{}{}".format, st.sampled_from(PIECES[:4]), PATH) | LOBBY,
}
ANY = {field: value | TEXT for field, value in LIKELY.items()}
BODY = st.fixed_dictionaries({}, optional=LIKELY) | st.fixed_dictionaries({}, optional=ANY)
TEMPLATES = (
    f"https://game.example/play?{EVERY}",
    f"https://Game.example:8443/play#/table?{EVERY}",
    f"http://127.0.0.1:3000?x=1#{EVERY}",
)


@pytest.mark.parametrize("token_in", ["query", "fragment"])
@pytest.mark.parametrize("signature", [None, SIGNATURE], ids=["unsigned", "signed"])
@pytest.mark.parametrize("template", TEMPLATES)
@given(sent=BODY)
def test_whatever_comes_in_is_refused_or_gives_a_url_of_the_game_that_says_exactly_that(
    template: str, signature: Any, token_in: str, sent: dict[str, Any]
) -> None:
    launch = settings(template, demo=True, token_in=token_in, signature=signature)
    try:
        request = read_launch(launch, json.dumps(sent).encode())
    except WalletError:
        return
    url = build_url(launch, request, NOW_S)
    assert url.isascii()
    assert url.isprintable()
    parts, home, other = urlsplit(url), urlsplit(template), URL(url, encoded=True)
    assert (parts.scheme, parts.netloc, parts.path) == (home.scheme, home.netloc, home.path)
    assert ((other.raw_host or "").lower(), other.port, other.user) == (home.hostname, URL(home.geturl()).port, None)
    found = parse_qsl(parts.query, strict_parsing=bool(parts.query))
    behind = parse_qsl(parts.fragment.rpartition("?")[2])
    assert found + behind == [*dict(found + behind).items()], "no parameter is there twice"
    expect_parameters(dict(found + behind), sent)
    assert not request.token or ("token" in dict(found)) is (token_in == "query")
    lobby = dict(found + behind).get("lobby")
    assert lobby is None or str(URL(lobby, encoded=True).origin()).lower() in LOBBIES


def expect_parameters(found: dict[str, str], sent: dict[str, Any]) -> None:
    """Every value is there as it was sent, and nothing besides."""
    given = {NAMES[field]: value for field, value in sent.items() if field != "demo" and value}
    ours = {"sign", "at", "x"} & found.keys()
    assert {name: value for name, value in found.items() if name not in ours} == {
        **given,
        "demo": "true" if sent.get("demo") else "false",
    }


def test_a_request_does_not_show_its_token() -> None:
    assert "t0ken" not in repr(LaunchRequest(token="t0ken"))
