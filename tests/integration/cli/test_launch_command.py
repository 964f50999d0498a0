"""`mm-gateway launch`, as a real process; the page about launches shows what it and the handler give."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.launch.urls import build_url
from gateway.launch.values import read_launch
from gateway.settings.loader import parse
from tests.support.commands import TOKEN, Deployment, operator
from tests.tidy.tree import ROOT

PAGE = (ROOT / "docs" / "launch.md").read_text(encoding="utf-8")
URL = "https://game.example/play?lang={language}&cur={currency}&on={platform}&demo={demo}&lobby={lobby_url}"
LAUNCH = {"url": URL, "demo": True, "lobby_origins": ["https://casino.example"]}


def shown(language: str) -> list[str]:
    """The page's examples in this language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def deployment(folder: Path, **launch: Any) -> Deployment:
    made = Deployment(folder)
    made.configure(operators={"acme": operator("JohnDoe", launch={**LAUNCH, **launch}), "beta": operator("JaneDoe")})
    return made


def test_one_url_is_printed_with_every_option_in_it(tmp_path: Path) -> None:
    options = (
        "--language",
        "de",
        "--currency",
        "EUR",
        "--platform",
        "mobile",
        "--lobby-url",
        "https://casino.example/x",
    )
    ran = deployment(tmp_path).run("launch", "acme", "--token", "a/b", *options)
    lobby = "https%3A%2F%2Fcasino.example%2Fx"
    url = f"https://game.example/play?lang=de&cur=EUR&on=mobile&demo=false&lobby={lobby}&token=a%2Fb"
    assert ran == (0, f"{url}\n", "")


def test_a_demo_is_printed_as_json_and_needs_no_token(tmp_path: Path) -> None:
    ran = deployment(tmp_path).run("launch", "acme", "--demo", "--json")
    assert (ran.status, ran.json) == (0, {"url": "https://game.example/play?demo=true"})


def test_a_token_is_read_from_standard_input(tmp_path: Path) -> None:
    ran = deployment(tmp_path).run("launch", "acme", "--token", "-", stdin=f"{TOKEN}\n")
    assert ran == (0, f"https://game.example/play?demo=false&token={TOKEN}\n", "")
    empty = deployment(tmp_path).run("launch", "acme", "--token", "-")
    assert empty == (2, "", "mm-gateway: the token on standard input is empty; write one line\n")


@pytest.mark.parametrize(
    "arguments, status, problem",
    [
        (("acme",), 2, "token is missing; "),
        (("acme", "--token", "t", "--language", "?"), 2, "language is not a language tag (BCP 47); "),
        (
            ("acme", "--token", "t", "--lobby-url", "https://evil.example"),
            2,
            "lobbyUrl leads to an origin that is not ",
        ),
        (("acme", "--token", "\udcff"), 2, "an option holds bytes that are not UTF-8; write it in UTF-8"),
        (("acmee", "--demo"), 2, "no operator 'acmee'; configured: acme, beta"),
        (("beta", "--demo"), 1, "operators.beta.launch is not configured; add it to the configuration"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(
    tmp_path: Path, arguments: tuple[str, ...], status: int, problem: str
) -> None:
    ran = deployment(tmp_path).run("launch", *arguments)
    assert (ran.status, ran.out) == (status, "")
    assert ran.err.startswith(f"mm-gateway: {problem}")
    assert ran.err.count("\n") == 1


def test_of_the_secrets_only_the_signature_s_is_read(tmp_path: Path) -> None:
    made = deployment(tmp_path, signature={"secret": "${LAUNCH_SECRET}"})
    made.config.write_text(made.config.read_text().replace("near-secret-of-game", "${NOT_SET}"), encoding="utf-8")
    ran = made.run("launch", "acme", "--demo", environ={"LAUNCH_SECRET": "correct-horse"})
    assert (ran.status, ran.err) == (0, "")
    assert re.search(r"&ts=\d+&signature=[0-9a-f]{64}\n$", ran.out)
    without = made.run("launch", "acme", "--demo")
    assert without.status == 2
    assert "operators.acme.launch.signature.secret: the environment variable LAUNCH_SECRET is not set" in without.err


def test_the_page_shows_what_its_first_configuration_gives(tmp_path: Path) -> None:
    config, (sent, given) = shown("yaml")[0], shown("json")
    environ = {"ACME_PASSWORD": "far-secret", "GAME_PASSWORD": "near-secret-of-game"}
    launch = parse(config, "gateway.yaml", environ).settings.operators["acme"].launch
    assert launch is not None
    url = build_url(launch, read_launch(launch, sent.encode()), 0)
    assert {"url": url} == json.loads(given)
    (tmp_path / "gateway.yaml").write_text(config, encoding="utf-8")
    made = Deployment(tmp_path)
    made.config.write_text(config, encoding="utf-8")
    options = {f"--{re.sub('Url', '-url', name)}": value for name, value in json.loads(sent).items()}
    ran = made.run("launch", "acme", "--json", *(word for option in options.items() for word in option))
    assert (ran.status, ran.json) == (0, json.loads(given))


def test_the_page_shows_what_its_signature_gives() -> None:
    config, (url,) = shown("yaml")[1], shown("text")
    environ = {"ACME_PASSWORD": "far-secret", "GAME_PASSWORD": "near-secret-of-game", "LAUNCH_SECRET": "correct-horse"}
    launch = parse(config, "gateway.yaml", environ).settings.operators["acme"].launch
    assert launch is not None
    three_minutes_past_eight = 1_795_939_200 + 180
    request = read_launch(launch, b'{"token": "abc/1", "language": "de"}')
    assert build_url(launch, request, three_minutes_past_eight) == url.strip()
    (signed,) = re.findall(r"^printf %s '(.*)' \| openssl dgst -sha256 -hmac correct-horse$", PAGE, re.MULTILINE)
    assert f"?{signed}&sign=" in url


def test_the_page_s_command_names_options_that_there_are(tmp_path: Path) -> None:
    (command,) = re.findall(r"^mm-gateway launch acme --config gateway\.yaml (.*)$", PAGE, re.MULTILINE)
    made = deployment(tmp_path)
    made.config.write_text(yaml.safe_dump(yaml.safe_load(shown("yaml")[0])), encoding="utf-8")
    ran = made.run("launch", "acme", *command.split(), stdin="t0ken\n")
    assert (ran.status, ran.err) == (0, "")
