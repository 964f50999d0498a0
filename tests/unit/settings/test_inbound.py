"""What is wrong with the operators' listener and with what operators authenticate with is told before a start."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.runtime.reload_limits import find_unreloadable
from gateway.settings import OperatorsServerSettings, PathSettings, Settings
from gateway.settings.loader import parse
from gateway.settings.paths import can_be_same_path, path_pattern
from tests.unit.settings.test_problems import LEAST, loaded, problems

HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("secret")
WITH_SERVER = "operators_server: {}\n" + LEAST
ABLE = LEAST + "    inbound: {tokens: [{token: first-of-the-operator}]}\n"


def advised(text: str) -> list[str]:
    return [f"{problem.field}: {problem.text}" for problem in loaded(text).advice]


def told(text: str) -> list[str]:
    return [line.split(": ", 1)[1] for line in problems(text)]


def test_there_is_no_listener_for_operators_unless_it_is_asked_for() -> None:
    assert loaded(LEAST).settings.operators_server is None


def test_it_has_the_limits_of_the_wallet_s_and_a_port_of_its_own() -> None:
    assert OperatorsServerSettings().port == 8081
    assert OperatorsServerSettings().read_timeout == Settings().server.read_timeout


def test_an_operator_may_have_several_passwords_and_tokens_hashed_or_plain() -> None:
    hash_ = HASH.replace("$", "$$")
    text = f"""operators_server: {{port: 9000}}
{LEAST}    inbound:
      credentials: [{{username: u, password: pass-of-the-operator}}, {{username: u, password_hash: "{hash_}"}}]
      tokens: [{{token: first-of-the-operator}}, {{token_hash: "{hash_}"}}]
      allow_ips: [192.0.2.0/24]
"""
    inbound = loaded(text).settings.operators["acme"].inbound
    assert inbound is not None
    assert (len(inbound.credentials), len(inbound.tokens), len(inbound.allow_ips)) == (2, 2, 1)
    assert advised(text) == []
    assert {"first-of-the-operator", "pass-of-the-operator", HASH} <= loaded(text).secrets


@pytest.mark.parametrize(
    "inbound, problem",
    [
        ("{tokens: [{}]}", "operators.acme.inbound.tokens[0]: give either token or token_hash"),
        (
            "{tokens: [{token_hash: secret}]}",
            "operators.acme.inbound.tokens[0].token_hash: is not an Argon2 hash; `mm-gateway hash-password` makes one",
        ),
        (
            "{credentials: [{username: u}]}",
            "operators.acme.inbound.credentials[0]: give either password or password_hash",
        ),
        ("{tokens: [{token: ''}]}", "operators.acme.inbound.tokens[0].token: must not be empty"),
    ],
)
def test_what_an_operator_cannot_authenticate_with_is_told(inbound: str, problem: str) -> None:
    assert told(f"{WITH_SERVER}    inbound: {inbound}\n") == [problem]


def test_operators_may_have_the_same_passwords_and_tokens_since_the_path_names_them() -> None:
    other = ABLE.partition("operators:\n")[2].replace("acme:", "other:").replace("JohnDoe", "JaneDoe")
    assert advised("operators_server: {}\n" + ABLE + other) == []


def test_inbound_without_the_listener_is_warned_of() -> None:
    assert advised(ABLE) == [
        "operators.acme.inbound: is never used: operators call at `operators_server`, which is not configured"
    ]


def test_the_listener_without_anybody_who_could_call_is_warned_of() -> None:
    assert advised(WITH_SERVER) == [
        "operators_server: nobody can call there: no operator has `inbound`, which says what it authenticates with"
    ]


LAUNCH = "    launch: {url: https://game.example/play}\n"


@pytest.mark.parametrize(
    "text, advice",
    [
        (
            LEAST + LAUNCH,
            "nobody can call for it: operators call at `operators_server`, which is not configured",
        ),
        (
            WITH_SERVER + LAUNCH,
            "the operator cannot call for it: it has no `inbound`; write at least `inbound: {}`",
        ),
    ],
)
def test_launches_and_payments_that_nobody_can_call_for_are_warned_of(text: str, advice: str) -> None:
    assert f"operators.acme.launch: {advice}" in advised(text)


@pytest.mark.parametrize("port, key", [(8080, "operators_server.port"), (9090, "admin.port")])
def test_a_port_that_another_listener_has_is_refused(port: int, key: str) -> None:
    text = f"operators_server: {{port: {port}}}\nadmin: {{host: 0.0.0.0, token: secret-token}}\n{ABLE}"
    (line,) = told(text)
    assert line.startswith(f"{key}: is also the port of `")


def test_its_tls_files_are_looked_at_too() -> None:
    text = "operators_server: {tls: {cert_file: no.pem, key_file: no.pem}}\n" + ABLE
    assert [line.split(": ")[0] for line in told(text)] == [
        "operators_server.tls.cert_file",
        "operators_server.tls.key_file",
    ]


def test_a_proxy_that_may_be_anybody_is_warned_of() -> None:
    (line,) = advised("operators_server: {trusted_proxies: [0.0.0.0/0]}\n" + ABLE)
    assert line.startswith("operators_server.trusted_proxies[0]: believes X-Forwarded-For from every address")


@pytest.mark.parametrize(
    "path", ["operators/{name}/x", "/operators/x", "/{name}/{name}", "/{name}?x", "/{ name }", "/%7B{name}"]
)
def test_a_template_begins_with_a_slash_and_names_the_operator_once(path: str) -> None:
    with pytest.raises(ValidationError, match="is not a path with the operator's name in it"):
        PathSettings(launch=path)


@pytest.mark.parametrize("path", ["pay", "/{name}", "/a?b", "/a b", ""])
def test_the_common_path_names_nobody(path: str) -> None:
    with pytest.raises(ValidationError, match="is not a path"):
        PathSettings(common_payment=path)


def test_the_common_path_can_be_switched_off() -> None:
    text = "operators_server: {paths: {common_payment: null}}\n" + ABLE
    server = loaded(text).settings.operators_server
    assert server is not None
    assert server.paths.common_payment is None


def test_paths_that_one_request_could_mean_are_refused() -> None:
    text = "operators_server: {paths: {launch: '/{name}/acme/launch', query_deposit: '/operators/{name}/launch'}}\n"
    (line,) = told(text + ABLE)
    assert line == (
        "operators_server.paths.launch: /{name}/acme/launch can be the same path as `query_deposit`, "
        "/operators/{name}/launch; write one that differs in a part without {name}"
    )


SEGMENT = st.from_regex(r"[ab-]{0,2}(\{name\})?[ab-]{0,2}", fullmatch=True)
PATH = st.lists(SEGMENT, min_size=1, max_size=3).map(lambda parts: "/" + "/".join(parts))
PATHS = PATH.filter(lambda path: path.count("{name}") == 1)
NAMES = st.from_regex(r"[ab-]{1,3}", fullmatch=True)


@given(PATHS, PATHS, NAMES, NAMES)
def test_paths_that_are_said_to_differ_are_never_the_same(one: str, other: str, name: str, other_name: str) -> None:
    if one.replace("{name}", name) == other.replace("{name}", other_name):
        assert can_be_same_path(one, other)


@given(PATHS, NAMES)
def test_a_pattern_finds_the_name_that_was_put_in(template: str, name: str) -> None:
    match = path_pattern(template).fullmatch(template.replace("{name}", name))
    assert match is not None
    assert match["name"] == name


def test_the_default_paths_all_differ() -> None:
    assert parse("operators_server: {}\n" + ABLE, "f", {"SECRET": "x"}).settings.operators_server is not None


@pytest.mark.parametrize(
    "before, after, keys",
    [
        ({}, {}, []),
        ({"port": 1}, {"port": 2}, ["operators_server.port"]),
        ({"host": "a"}, {"host": "b"}, ["operators_server.host"]),
        (None, {}, ["operators_server"]),
        ({}, None, ["operators_server"]),
        ({"max_body": 1000}, {"max_body": 2000, "request_timeout": 3}, []),
    ],
)
def test_only_its_address_needs_a_restart(
    before: dict[str, object] | None, after: dict[str, object] | None, keys: list[str]
) -> None:
    old, new = (Settings.model_validate({"operators_server": server}) for server in (before, after))
    assert [problem.split(":")[0] for problem in find_unreloadable(old, new)] == keys
