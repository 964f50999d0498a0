from __future__ import annotations

from typing import Any

import pytest
import yaml

from gateway.settings import LaunchSettings, SettingsError
from gateway.settings.loader import parse
from gateway.settings.url_template import Parameter, Placeholder, UrlTemplate, parse_template

URL = "https://game.example/play?lang={language}&demo={demo}"


def launch(**changes: Any) -> LaunchSettings:
    operator = {
        "adapter": "quantum",
        "credentials": [{"username": "JohnDoe", "password": "MyPass-of-the-game"}],
        "launch": {"url": URL, **changes},
    }
    text = yaml.safe_dump({"operators": {"acme": operator}}, sort_keys=False)
    found = parse(text, "gateway.yaml", {"SECRET": "s3cret-key"}).settings.operators["acme"].launch
    assert found is not None
    return found


def problems(**changes: Any) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        launch(**changes)
    return [f"{each.field.removeprefix('operators.acme.launch.')}: {each.text}" for each in caught.value.problems]


def test_a_template_is_read_into_its_parts() -> None:
    text = "https://Game.example:8443/v1/{platform}/?mode=real&lang={language}#/table?lobby={lobby_url}"
    assert parse_template(text) == UrlTemplate(
        "https://Game.example:8443",
        ("v1", Placeholder.PLATFORM, ""),
        (Parameter("mode=real", None), Parameter("lang", Placeholder.LANGUAGE)),
        "/table",
        (Parameter("lobby", Placeholder.LOBBY_URL),),
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://game.example",
        "https://game.example?cur={currency}",
        "https://game.example/#cur={currency}",
        "https://game.example/#!/play",
        "https://[2001:db8::1]:8443/",
        "http://localhost:3000/{language}",
        "http://127.0.0.1/",
        "https://game.example/?debug",
    ],
)
def test_an_address_with_any_of_its_parts_is_a_template(url: str) -> None:
    assert launch(url=url).url == url


@pytest.mark.parametrize(
    "url, problem",
    [
        ("https://game.example/?x={langage}", 'holds an unknown placeholder; did you mean "language"?'),
        (
            "https://game.example/?x={}",
            "holds an unknown placeholder; known here: currency, demo, language, lobby_url, platform",
        ),
        (
            "https://game.example/?x={language",
            "holds a brace that does not belong to a placeholder; percent-encode it: %7B, %7D",
        ),
        (
            "https://{language}.game.example/",
            "holds a placeholder before its path; write scheme and host as they are",
        ),
        ("{demo}://game.example/", "holds a placeholder before its path; write scheme and host as they are"),
        ("https://game.example:{demo}/", "holds a placeholder before its path; write scheme and host as they are"),
        (
            "https://{demo}@game.example/",
            "holds a placeholder before its path; write scheme and host as they are",
        ),
        (
            "https://u:p@game.example/",
            "holds an @ before its path, as credentials do; remove what comes before the host",
        ),
        (
            "http://game.example/",
            "would show the player's token on the way; use https (http is for this machine alone)",
        ),
        (
            "/play?x={language}",
            "is not an absolute http or https address; write it like https://casino.example/lobby",
        ),
        (
            "https://game.example/play-{language}",
            "holds a placeholder beside other text in its path; make it a whole segment: /{language}/",
        ),
        ("https://game.example/{lobby_url}", "holds {lobby_url} in its path; make it a parameter: ?lobby={lobby_url}"),
        (
            "https://game.example/?x=a{language}",
            "holds a placeholder that is not the whole value of a parameter; write name={language}",
        ),
        (
            "https://game.example/?{language}=x",
            "holds a placeholder that is not the whole value of a parameter; write name={language}",
        ),
        (
            "https://game.example/?={language}",
            "holds a placeholder that is not the whole value of a parameter; write name={language}",
        ),
        (
            "https://game.example/#/{language}?x",
            "holds a placeholder in its fragment's path; make it a parameter: #/play?lang={language}",
        ),
        ("https://game.example/?a&&b", "holds an empty parameter; remove the & that is too many"),
        (
            "https://game.example/?a=1#%61={language}",
            "holds two parameters of one name, and readers differ in which one counts; remove one",
        ),
    ],
)
def test_a_template_that_cannot_be_filled_is_told_with_what_would_be_right(url: str, problem: str) -> None:
    assert problems(url=url) == [f"url: {problem}"]


def test_a_problem_is_told_with_its_line() -> None:
    text = f"operators:\n  acme:\n    adapter: quantum\n    launch:\n      url: {URL}&x={{y}}\n"
    with pytest.raises(SettingsError, match=r"^gateway\.yaml:5:12: operators\.acme\.launch\.url: holds an unknown"):
        parse(text, "gateway.yaml", {})


@pytest.mark.parametrize(
    "changes, problem",
    [
        ({"demo": True, "url": "https://game.example/"}, "demo: the game would not be told that it is a demo; "),
        ({"url": URL + "&lobby={lobby_url}"}, "url: holds {lobby_url}, and no lobby is allowed; "),
        (
            {"lobby_origins": ["https://casino.example"]},
            "lobby_origins: no lobby URL is sent to the game; put {lobby_url}",
        ),
        ({"demo_on": "0", "demo_off": "0"}, "demo_on: is also demo_off; "),
        ({"token_name": "lang"}, 'token_name: "lang" is the name of another parameter'),
        ({"signature": {"secret": "s" * 8, "name": "token"}}, 'signature.name: "token" is the name of another'),
        ({"signature": {"secret": "s" * 8, "time_name": "demo"}}, 'signature.time_name: "demo" is the name of another'),
        (
            {"signature": {"secret": "s" * 8, "time_name": "s", "name": "s"}},
            'signature.name: "s" is the name of another',
        ),
        ({"signature": {"secret": ""}}, "signature.secret: must not be empty"),
        ({"token_name": "a b"}, "token_name: must match the pattern"),
        ({"platforms": ["../x"]}, "platforms[0]: must match the pattern"),
        ({"currencies": ["eur"]}, "currencies[0]: must match the pattern"),
        ({"url": 5}, "url: must be a text; put it in quotes"),
        ({"lobby_origins": [5]}, "lobby_origins[0]: must be a text; put it in quotes"),
        ({"lobby_origins": ["https://casino.example/"]}, "lobby_origins[0]: is more than an origin; "),
        ({"lobby_origins": ["http://casino.example"]}, "lobby_origins[0]: must begin with https://"),
        ({"lobby_origins": ["https://*.casino.example"]}, "lobby_origins[0]: has a host or port"),
        ({"lobby_origins": ["https://bücher.example"]}, "lobby_origins[0]: holds a space, a control character or a"),
        ({"lobby_origins": ["null"]}, "lobby_origins[0]: is not an absolute http or https address"),
    ],
)
def test_what_cannot_be_meant_is_told_at_its_key(changes: dict[str, Any], problem: str) -> None:
    (told,) = problems(**changes)
    assert told.startswith(problem)


def test_an_origin_is_kept_in_the_form_in_which_it_is_compared() -> None:
    origins = ["HTTPS://Casino.Example:443", "http://localhost:8000"]
    settings = launch(url=URL + "&lobby={lobby_url}", lobby_origins=origins)
    assert settings.lobby_origins == ("https://casino.example", "http://localhost:8000")


def test_no_part_of_a_value_from_elsewhere_is_told() -> None:
    text = f"operators: {{acme: {{adapter: quantum, launch: {{url: '{URL}&x=${{SECRET}}'}}}}}}"
    with pytest.raises(SettingsError) as caught:
        parse(text, "gateway.yaml", {"SECRET": "hunter2&{hunter2}"})
    assert "hunter2" not in str(caught.value)


def test_the_signature_s_key_is_a_secret_of_the_configuration() -> None:
    text = f"""
operators:
  acme:
    adapter: quantum
    credentials: [{{username: JohnDoe, password: MyPass-of-the-game}}]
    launch: {{url: "{URL}", signature: {{secret: "${{SECRET}}"}}}}
"""
    loaded = parse(text, "gateway.yaml", {"SECRET": "s3cret-key"})
    assert "s3cret-key" in loaded.secrets
    assert "s3cret" not in repr(loaded.settings)
