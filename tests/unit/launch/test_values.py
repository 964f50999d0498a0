from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.launch.values import NO_CURRENCY, read_launch
from gateway.settings import LaunchSettings
from gateway.wire.errors import ErrorCode, WalletError

URL = "https://game.example/play?lang={language}&cur={currency}&platform={platform}&demo={demo}&lobby={lobby_url}"
TOKEN = "0fabcdc4-fe07-44f2-b968-93da3b324898"


def settings(**changes: Any) -> LaunchSettings:
    usual = {"url": URL, "lobby_origins": ["https://good.example", "http://localhost:8000"]}
    return LaunchSettings.model_validate(usual | changes)


def refused(launch: LaunchSettings, **sent: Any) -> str:
    with pytest.raises(WalletError) as caught:
        read_launch(launch, json.dumps(sent).encode())
    assert caught.value.code is ErrorCode.BAD_REQUEST
    return caught.value.text


@pytest.mark.parametrize(
    "sent",
    [
        {"language": "en"},
        {"language": "pt-BR"},
        {"language": "zh-Hant-HK"},
        {"language": "de-1996"},
        {"currency": "EUR"},
        {"currency": "GOLDCOIN"},
        {"platform": "mobile"},
        {"demo": False},
        {"lobbyUrl": "https://good.example"},
        {"lobbyUrl": "https://good.example/lobby?tab=1#/table"},
        {"lobbyUrl": "HTTPS://GOOD.example:443/"},
        {"lobbyUrl": "http://localhost:8000/x"},
        {"language": "", "currency": None, "platform": "", "demo": "", "lobbyUrl": ""},
    ],
)
def test_what_has_the_usual_form_is_allowed(sent: dict[str, Any]) -> None:
    assert read_launch(settings(), json.dumps({"token": TOKEN, **sent}).encode()).token == TOKEN


@pytest.mark.parametrize(
    "field, value, problem",
    [
        ("token", "", "token is missing; send the session's token, a string of 1 to 512 characters without "),
        ("token", "a\nb", "token has a wrong length or characters that are not allowed; send the session's token"),
        ("token", "a" * 513, "token has a wrong length or characters that are not allowed; send the session's token"),
        ("language", "en_US", "language is not a language tag (BCP 47); send a language tag such as en or pt-BR."),
        ("language", "e", "language is not a language tag (BCP 47); "),
        ("language", "en-", "language is not a language tag (BCP 47); "),
        ("language", "en-US\n", "language is not a language tag (BCP 47); "),
        ("language", "en" + "-abcdefgh" * 4, "language is not a language tag (BCP 47); "),
        ("language", "..", "language is not a language tag (BCP 47); "),
        ("currency", "eur", "currency is not 3 to 8 upper-case letters; send a code such as EUR."),
        ("currency", "EU", "currency is not 3 to 8 upper-case letters; "),
        ("currency", "EUR\n", "currency is not 3 to 8 upper-case letters; "),
        ("currency", "XXX", f"currency is {NO_CURRENCY}, which is for a demo alone; send the player's "),
        ("platform", "tv", "platform is not one that is allowed here; send one of: desktop, mobile."),
        ("demo", True, "demo is not offered here; leave it out or send false."),
        ("demo", "true", "demo is neither true nor false; send true or false."),
        ("demo", 1, "demo is neither true nor false; send true or false."),
        ("lobbyUrl", "https://good.example@evil.example/", "lobbyUrl holds an @ before its path, "),
        ("lobbyUrl", "//good.example/", "lobbyUrl is not an absolute http or https address; "),
        ("lobbyUrl", "javascript:alert(1)", "lobbyUrl is not an absolute http or https address; "),
        ("lobbyUrl", "https://good.example\\.evil.example", "lobbyUrl holds one of "),
        ("lobbyUrl", "https://good.example\t.evil.example", "lobbyUrl holds a space, a control character or "),
        ("lobbyUrl", "x" * 2049, "lobbyUrl is too long; send an address such as https://casino.example/lobby."),
        ("lobbyUrl", 5, "lobbyUrl is not a string; send an address such as https://casino.example/lobby."),
        *(
            (
                "lobbyUrl",
                url,
                "lobbyUrl leads to an origin that is not allowed here; send an address of https://good.example or http",
            )
            for url in (
                "https://good.example.evil.example/",
                "https://evil.example/?https://good.example",
                "https://good.example:8443/",
                "http://good.example/",
                "https://localhost:8000/",
                "https://xn--good-example.example/",
                "https://sub.good.example/",
            )
        ),
        ("lang", "en", "The body has a field that is not known; send only token, language, currency, platform, demo, "),
    ],
)
def test_what_is_not_allowed_is_refused_with_what_would_be(field: str, value: Any, problem: str) -> None:
    assert refused(settings(), **{"token": TOKEN, field: value}).startswith(problem)


def test_a_list_decides_alone() -> None:
    launch = settings(languages=["en", "pt_BR"], currencies=["EUR", "XAG"], platforms=["GPL_DESKTOP"])
    sent = {"token": TOKEN, "language": "pt_BR", "currency": "XAG", "platform": "GPL_DESKTOP"}
    assert read_launch(launch, json.dumps(sent).encode()).language == "pt_BR"
    assert refused(launch, token=TOKEN, language="de") == (
        "language is not one that is allowed here; send one of: en, pt_BR."
    )
    assert refused(launch, token=TOKEN, currency="USD") == (
        "currency is not one that is allowed here; send one of: EUR, XAG."
    )
    assert refused(launch, token=TOKEN, platform="desktop") == (
        "platform is not one that is allowed here; send one of: GPL_DESKTOP."
    )


def test_a_demo_needs_no_token_and_may_have_no_currency() -> None:
    launch = settings(demo=True, currencies=["EUR"])
    request = read_launch(launch, b'{"demo": true, "currency": "XXX"}')
    assert (request.token, request.demo) == (None, True)
    assert refused(launch, currency="XXX", token=TOKEN).startswith(f"currency is {NO_CURRENCY}, ")


def test_all_that_is_wrong_is_told_at_once() -> None:
    assert refused(settings(), language="?", platform="tv", lobbyUrl="x").count(";") == 4


def test_what_has_no_place_in_the_url_is_refused() -> None:
    launch = LaunchSettings(url="https://game.example/{language}")
    assert refused(launch, token=TOKEN, language="en", currency="EUR", lobbyUrl="https://good.example") == (
        "currency has no place in the game's URL; leave it out. lobbyUrl has no place in the game's URL; leave it out."
    )


def test_what_stands_in_the_path_is_needed() -> None:
    launch = LaunchSettings(url="https://game.example/{language}/{platform}")
    assert refused(launch, token=TOKEN, platform="mobile") == (
        "language is missing; send a language tag such as en or pt-BR."
    )


@pytest.mark.parametrize(
    "body",
    [
        f'{{"token": "{TOKEN}", "token": "{TOKEN}"}}',
        f'{{"{TOKEN}": 1}}',
        f'{{"token": {{"{TOKEN}": 1}}}}',
        f'{{"token": "{TOKEN}\\ud800"}}',
        f'{{"token": "{TOKEN}\x01"}}',
        f'{{"token": "{TOKEN}"',
        f'{{"token": "{TOKEN}"}}{TOKEN}',
        f'"{TOKEN}"',
        f'["{TOKEN}"]',
        f'\ufeff{{"token": "{TOKEN}"}}',
        *(f'{{"token": "a", "{field}": "{TOKEN}/?&"}}' for field in ("language", "currency", "platform", "lobbyUrl")),
        f'{{"token": "a", "demo": "{TOKEN}"}}',
    ],
)
def test_no_refusal_repeats_a_token_wherever_it_stands(body: str) -> None:
    with pytest.raises(WalletError) as caught:
        read_launch(settings(), body.encode())
    assert TOKEN[:8] not in caught.value.text
