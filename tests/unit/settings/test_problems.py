"""Every way in which a configuration can be wrong is told with its place, its field and a remedy."""

from __future__ import annotations

from textwrap import dedent
from typing import Literal

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr, field_validator

from gateway.settings import Loaded, Section, SettingsError
from gateway.settings.loader import parse

ENVIRON = {"SECRET": "hunter2-hunter2", "PORT": "8081", "WAIT": "5 parsecs", "EMPTY": ""}

LEAST = """\
operators:
  acme:
    adapter: fake
    settings: {base_url: https://acme.example/}
    credentials: [{username: JohnDoe, password: MyPass-of-the-game}]
"""


class Inner(Section):
    names: tuple[str, ...] = ()
    """Some."""


class FakeSettings(Section):
    base_url: str
    """Where the operator is."""

    password: SecretStr | None = None
    """What we authenticate with."""

    mode: Literal["a", "b"] = "a"
    """How."""

    inner: Inner | None = None
    """More."""

    @field_validator("base_url")
    @classmethod
    def _is_https(cls, value: str) -> str:
        if not value.startswith("https://"):
            raise ValueError(f"{value} must begin with https://")
        return value


def settings_of(adapter: str) -> type[BaseModel]:
    if adapter != "fake":
        raise LookupError(f"there is no adapter {adapter!r}; installed are: fake")
    return FakeSettings


def loaded(text: str) -> Loaded:
    return parse(text, "gateway.yaml", ENVIRON, settings_of)


def problems(text: str) -> list[str]:
    with pytest.raises(SettingsError) as raised:
        loaded(text)
    return str(raised.value).splitlines()


def named(operator: str, until: str, window: str) -> str:
    """Why a finished transfer has to be kept."""
    return (
        "for that long the game (it repeats its calls for 2d) or the gateway "
        f"(operators.{operator}.delivery: until {until}, late_arrival_window {window}) "
        "may still name a finished transfer, and a forgotten one is forwarded as a new one"
    )


def with_operator(lines: str) -> str:
    return LEAST + dedent(lines).replace("\n", "\n    ").join(("    ", "\n"))


def test_the_least_configuration_is_enough() -> None:
    settings = loaded(LEAST).settings
    assert settings.operators["acme"].adapter == "fake"
    assert settings.journal.url == "sqlite:///journal.db"


@pytest.mark.parametrize(
    "line, said",
    [
        (
            "timeout: 5 parsecs",
            '6:14: operators.acme.timeout: "5 parsecs" is not a duration; write e.g. 5s, 250ms or 1h30m',
        ),
        ("timeout: 5", '6:14: operators.acme.timeout: "5" is not a duration; write e.g. 5s, 250ms or 1h30m'),
        ("timeout: [5s]", "6:14: operators.acme.timeout: it is not a duration; write e.g. 5s, 250ms or 1h30m"),
        ("timeout: 0s", '6:14: operators.acme.timeout: "0s" must be more than 0'),
        ("timeout:", "6:13: operators.acme.timeout: is empty; give it a value, or remove the key"),
        (
            "objectives: {calls: 99.9}",
            '6:25: operators.acme.objectives.calls: "99.9" is not a share below 100%; write e.g. 99.9%',
        ),
        (
            "objectives: {calls: 100%}",
            '6:25: operators.acme.objectives.calls: "100%" is not a share below 100%; write e.g. 99.9%',
        ),
        ("max_answer: 64KB", '6:17: operators.acme.max_answer: "64KB" is not a size; write e.g. 64KiB or 1MiB'),
        ("timout: 5s", '6:5: operators.acme.timout: unknown key; did you mean "timeout"?'),
        ("limits: {waitin: 1}", '6:14: operators.acme.limits.waitin: unknown key; did you mean "waiting"?'),
        ("limits: {zzz: 1}", "6:14: operators.acme.limits.zzz: unknown key; known here: concurrency, waiting"),
        ("limits: 5", "6:13: operators.acme.limits: must be a mapping; write its keys indented below it"),
        ("limits: {concurrency: many}", '6:27: operators.acme.limits.concurrency: "many" is not a whole number'),
        ("limits: {concurrency: 1.5}", '6:27: operators.acme.limits.concurrency: "1.5" is not a whole number'),
        ("limits: {concurrency: 0}", '6:27: operators.acme.limits.concurrency: "0" must be at least 1'),
        ("path_only: perhaps", '6:16: operators.acme.path_only: "perhaps" is neither true nor false'),
        (
            "allow_ips: 10.0.0.0/8",
            "6:16: operators.acme.allow_ips: must be a list; write each entry below it, beginning with a dash",
        ),
        (
            "allow_ips: [10.0.0.0/8, 10.0.0.1/8]",
            '6:29: operators.acme.allow_ips[1]: "10.0.0.1/8" has host bits set; write 10.0.0.0/8 for the network',
        ),
        (
            "allow_ips: [home]",
            (
                '6:17: operators.acme.allow_ips[0]: "home" is not an address or network; '
                "write e.g. 192.0.2.7 or 10.0.0.0/8"
            ),
        ),
        ("delivery: {jitter: 1}", '6:24: operators.acme.delivery.jitter: "1" must be less than 1.0'),
        ("delivery: {jitter: some}", '6:24: operators.acme.delivery.jitter: "some" is not a number'),
        ("delivery: {jitter: .nan}", '6:24: operators.acme.delivery.jitter: ".nan" must be less than 1.0'),
        ("delivery: {schedule: []}", "6:26: operators.acme.delivery.schedule: must not be empty"),
        ("unknown_transfers: guess", "6:24: operators.acme.unknown_transfers: \"guess\" must be 'forward' or 'refuse'"),
        ("journal: Big!", '6:14: operators.acme.journal: "Big!" is not a name; use 1 to 64 of a-z, 0-9, - and _'),
        ("journal: big", '6:14: operators.acme.journal: there is no journal "big"; known here: default'),
        ("journal: defualt", '6:14: operators.acme.journal: there is no journal "defualt"; did you mean "default"?'),
        ("tls: {ca_file: /no/such.pem}", "6:20: operators.acme.tls.ca_file: there is no file /no/such.pem"),
        (
            "delivery: {until: 1m}",
            "6:15: operators.acme.delivery: late_arrival_window must be shorter than until, which is 1m",
        ),
        ("adapter: fake", "6:5: operators.acme.adapter: is given twice, first in line 3; remove one"),
        ("[a, b]: c", "6:5: operators.acme: a key must be a plain text"),
        ("journal: !!int x", "6:14: operators.acme.journal: is not valid YAML; put it in quotes"),
        (
            "journal: !env X",
            "6:14: operators.acme.journal: is not valid YAML: could not determine a constructor for the tag '!env'",
        ),
        (
            "timeout: ${NOPE}",
            "6:14: operators.acme.timeout: the environment variable NOPE is not set; set it, or write ${NOPE:-default}",
        ),
        (
            "journal: ${file:/no/such}",
            "6:14: operators.acme.journal: the file /no/such cannot be read: No such file or directory",
        ),
        (
            "timeout: ${WAIT}",
            '6:14: operators.acme.timeout: the value of "${WAIT}" is not a duration; write e.g. 5s, 250ms or 1h30m',
        ),
        (
            "limits: {concurrency: ${PORT}}",
            (
                "6:28: is not valid YAML: expected ',' or '}', but got '{'"
                '; within { } put references in quotes: "${NAME}"'
            ),
        ),
    ],
)
def test_a_mistake_of_an_operator_is_told_with_its_remedy(line: str, said: str) -> None:
    assert problems(with_operator(line)) == [f"gateway.yaml:{said}"]


@pytest.mark.parametrize(
    "text, said",
    [
        ("", "1:1: is empty; write at least one operator"),
        ("# nothing\n", "1:1: is empty; write at least one operator"),
        ("[]", "1:1: must be a mapping; write its keys indented below it"),
        ("operators: {}", "1:12: operators: needs at least one operator"),
        ("operators:", "1:11: operators: is empty; give it a value, or remove the key"),
        ("server: [", "1:10: is not valid YAML: expected the node content, but found '<stream end>'"),
        ("a: b\n---\nc: d", "2:1: is not valid YAML: but found another document"),
        ("a: *nowhere", "1:4: is not valid YAML: found undefined alias 'nowhere'"),
        ("\x07", "1:1: is not valid YAML: it contains characters that are not allowed"),
        ("a: &a [*a]", "1:1: is too large or too deeply nested, or an alias contains itself"),
        ("a: &a {<<: *a}", "1:1: is too large or too deeply nested, or an alias contains itself"),
        ("a: " + "[" * 900, "1:1: is too large or too deeply nested, or an alias contains itself"),
        (
            "a: &a [1, 1]\n"
            + "\n".join(f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 9)}]" for n in range(8)),
            "6:1: is too large or too deeply nested, or an alias contains itself",
        ),
        ("sevrer: {}\n" + LEAST, '1:1: sevrer: unknown key; did you mean "server"?'),
        ("server: {port: 70000}\n" + LEAST, '1:16: server.port: "70000" must be at most 65535'),
        (
            "server: {tls: {cert_file: /no/c.pem}}\n" + LEAST,
            "1:15: server.tls.key_file: is missing: PEM file: the private key, without a pass phrase.",
        ),
        ("admin: {token: ''}\n" + LEAST, "1:16: admin.token: must not be empty"),
        ("admin:\n  token: ${EMPTY}\n" + LEAST, "2:10: admin.token: must not be empty"),
        (
            "journal: {url: mysql://u:hunter2@h/d}\n" + LEAST,
            "1:16: journal.url: must be sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE",
        ),
        (
            "journal: {url: 'sqlite:///a', encryption_key: hunter2}\n" + LEAST,
            "1:47: journal.encryption_key: must be 32 random bytes in base64; `openssl rand -base64 32` makes one",
        ),
        (
            "journal: {url: 'sqlite:///b', keep: 47h}\n" + LEAST,
            f"1:37: journal.keep: is 1d23h, shorter than 2d1m: {named('acme', '2d', '1m')}; write 2d1m or more",
        ),
        (
            "journal: {url: 'sqlite:///b', keep: 2d}\ndelivery: {until: 1h, late_arrival_window: 10m}\n" + LEAST,
            f"1:37: journal.keep: is 2d, shorter than 2d10m: {named('acme', '1h', '10m')}; write 2d10m or more",
        ),
        (
            "journals: {b: {url: 'sqlite:///b', keep: 7d}}\n" + with_operator("journal: b\ndelivery: {until: 7d}"),
            f"1:42: journals.b.keep: is 7d, shorter than 7d1m: {named('acme', '7d', '1m')}; write 7d1m or more",
        ),
        (
            "journals: {b: {url: 'sqlite:///b', keep: 1s}}\n" + LEAST,
            (
                "1:42: journals.b.keep: is 1s, shorter than 2d: for that long the game (it repeats its calls for 2d) "
                "may still name a finished transfer, and a forgotten one is forwarded as a new one; "
                "write 2d or more"
            ),
        ),
        (
            "journals: {default: {url: 'sqlite:///b'}}\n" + LEAST,
            '1:21: journals.default: "default" is the name of the journal under `journal`; use another name',
        ),
        (
            "journals: {a: {url: 'sqlite:///journal.db'}}\n" + LEAST,
            "1:21: journals.a.url: is also the url of the journal default; use that one",
        ),
        (
            "journals: {A: {url: 'sqlite:///b'}}\n" + LEAST,
            '1:12: journals.A: "A" is not a name; use 1 to 64 of a-z, 0-9, - and _',
        ),
        (
            "rollback_reasons: {categories: [{name: x}]}\n" + LEAST,
            (
                "1:33: rollback_reasons.categories[0].match: is missing: "
                "Reasons that contain this text belong to the category; upper and lower case are the same."
            ),
        ),
    ],
)
def test_a_mistake_elsewhere_is_told_with_its_remedy(text: str, said: str) -> None:
    assert problems(text) == [f"gateway.yaml:{said}"]


@pytest.mark.parametrize(
    "credentials, said",
    [
        ("[]", "3:18: operators.acme.credentials: the game needs at least one username and password to call with"),
        ("[{username: a}]", "3:19: operators.acme.credentials[0]: give either password or password_hash"),
        (
            "[{username: a, password: 12}]",
            "3:43: operators.acme.credentials[0].password: must be a text; put it in quotes",
        ),
        (
            "[{username: 'a:b', password: x}]",
            "3:30: operators.acme.credentials[0].username: must not contain : or control characters",
        ),
        (
            "[{username: a, password_hash: x}]",
            (
                "3:48: operators.acme.credentials[0].password_hash: is not an Argon2 hash; "
                "`mm-gateway hash-password` makes one"
            ),
        ),
        ("[{username: a, password: ''}]", "3:43: operators.acme.credentials[0].password: must not be empty"),
    ],
)
def test_a_mistake_in_credentials_is_told_without_them(credentials: str, said: str) -> None:
    text = f"operators:\n  acme:\n    credentials: {credentials}\n    adapter: fake\n    settings: {{base_url: https://a/}}\n"
    assert problems(text) == [f"gateway.yaml:{said}"]


@pytest.mark.parametrize(
    "settings, said",
    [
        ("{}", "4:15: operators.acme.settings.base_url: is missing: Where the operator is."),
        (
            "{base_url: https://a, passwort: x}",
            '4:37: operators.acme.settings.passwort: unknown key; did you mean "password"?',
        ),
        (
            "{base_url: https://a, password: 7}",
            "4:47: operators.acme.settings.password: must be a text; put it in quotes",
        ),
        ("{base_url: https://a, mode: c}", "4:43: operators.acme.settings.mode: \"c\" must be 'a' or 'b'"),
        (
            "{base_url: https://a, inner: {names: 1}}",
            (
                "4:52: operators.acme.settings.inner.names: must be a list; "
                "write each entry below it, beginning with a dash"
            ),
        ),
        (
            '{base_url: "http://${SECRET}/"}',
            "4:26: operators.acme.settings.base_url: http://${SECRET}/ must begin with https://",
        ),
    ],
)
def test_a_mistake_in_an_adapters_settings_is_told_the_same_way(settings: str, said: str) -> None:
    text = LEAST.replace("{base_url: https://acme.example/}", settings)
    assert problems(text) == [f"gateway.yaml:{said}"]


def test_an_adapter_that_is_not_there_is_told_with_those_that_are() -> None:
    assert problems(LEAST.replace("adapter: fake", "adapter: fkae")) == [
        "gateway.yaml:3:14: operators.acme.adapter: there is no adapter 'fkae'; installed are: fake"
    ]


def test_two_operators_cannot_share_a_username() -> None:
    other = LEAST.replace("operators:\n", "").replace("acme:", "beta:")
    assert problems(LEAST + other) == [
        (
            "gateway.yaml:9:30: operators.beta.credentials[0].username: is also a username of acme, "
            "and the username chooses the operator; use another, or path_only"
        )
    ]
    assert loaded(LEAST + other + "    path_only: true\n").settings.operators["beta"].path_only


def test_one_operator_may_have_one_username_twice_while_its_password_changes() -> None:
    text = LEAST.replace(
        "password: MyPass-of-the-game}",
        "password: MyPass-of-the-game}, {username: JohnDoe, password: Next-of-the-game}",
    )
    assert len(loaded(text).settings.operators["acme"].credentials) == 2


def test_every_problem_is_told_at_once_in_the_order_of_the_file() -> None:
    text = """\
        server: {port: -1, hots: x}
        delivery:
          until: soon
        operators:
          acme: {adapter: nope, timeout: 1}
        """
    places = [line.split(": ")[0] for line in problems(dedent(text))]
    assert places == [
        "gateway.yaml:1:16",
        "gateway.yaml:1:20",
        "gateway.yaml:3:10",
        "gateway.yaml:5:19",
        "gateway.yaml:5:34",
    ]


def test_no_secret_from_elsewhere_is_in_any_problem() -> None:
    text = """\
        server: {host: ["${SECRET}"], port: "${SECRET}", request_timeout: "${SECRET}", "${SECRET}": 1}
        admin: {token: ["${SECRET}"]}
        journal: {url: "mysql://u:${SECRET}@h/d", encryption_key: "${SECRET}"}
        operators:
          acme:
            adapter: "${SECRET}"
            journal: "${SECRET}"
            allow_ips: ["${SECRET}"]
            settings: {base_url: "${SECRET}"}
            credentials: [{username: "${SECRET}:", password_hash: "${SECRET}"}]
          beta:
            adapter: fake
            settings: {base_url: "${SECRET}", mode: "${SECRET}"}
        """
    said = problems(dedent(text))
    assert len(said) >= 12
    assert not [line for line in said if "hunter2" in line]


def test_values_may_come_from_elsewhere_whatever_their_type() -> None:
    settings = loaded("server:\n  port: ${PORT}\n  request_timeout: ${NOPE:-7s}\n" + LEAST).settings
    assert settings.server.port == 8081
    assert settings.server.request_timeout == 7


def test_an_anchor_can_be_merged_under_what_is_written() -> None:
    text = LEAST + dedent("""\
          beta: &beta
            adapter: fake
            settings: {base_url: https://b}
            timeout: 3s
            credentials: [{username: b, password: secret-of-b}]
          gamma:
            <<: *beta
            timeout: 4s
            credentials: [{username: g, password: secret-of-g}]
        """).replace("\n", "\n  ").join(("  ", "\n"))
    operators = loaded(text).settings.operators
    assert (operators["beta"].timeout, operators["gamma"].timeout) == (3, 4)
    assert operators["gamma"].settings == {"base_url": "https://b"}


def test_a_date_is_a_text() -> None:
    text = LEAST.replace("MyPass-of-the-game", "2026-01-31")
    password = loaded(text).settings.operators["acme"].credentials[0].password
    assert password is not None
    assert password.get_secret_value() == "2026-01-31"


@pytest.mark.parametrize(
    "text, said",
    [
        (
            "admin: {host: 0.0.0.0}\n" + LEAST,
            "1:15: admin.host: is reachable from other machines without a token; set admin.token, or use 127.0.0.1",
        ),
        (
            "admin: {host: admin.internal}\n" + LEAST,
            "1:15: admin.host: is reachable from other machines without a token; set admin.token, or use 127.0.0.1",
        ),
        (
            with_operator("timeout: 10s"),
            (
                "6:14: operators.acme.timeout: is not below server.request_timeout (10s): the game is answered "
                "PENDING before a slow operator has answered; write a shorter one"
            ),
        ),
        (
            "server: {trusted_proxies: [0.0.0.0/0]}\n" + LEAST,
            "1:28: server.trusted_proxies[0]: believes X-Forwarded-For from every address; list only your proxies",
        ),
        ("journals: {big: {url: 'postgresql://h/d'}}\n" + LEAST, "1:17: journals.big: no operator uses this journal"),
    ],
)
def test_what_looks_like_a_mistake_is_advised_against(text: str, said: str) -> None:
    assert [str(problem) for problem in loaded(text).advice] == [f"gateway.yaml:{said}"]


@pytest.mark.parametrize(
    "text",
    [
        "journal: {url: 'sqlite:///b'}\n",
        "journal: {url: 'sqlite:///b', keep: 2d1m}\n",
        "journal: {url: 'sqlite:///b', keep: 2d1s}\ndelivery: {late_arrival_window: 1s}\n",
    ],
)
def test_a_journal_may_keep_what_is_finished_for_just_as_long_as_it_may_be_named(text: str) -> None:
    assert loaded(text + LEAST).advice == ()


@pytest.mark.parametrize(
    "network",
    [
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "10.1.0.0/16", "100.64.0.0/10", "128.0.0.0/1"),
        *("172.0.0.0/8", "fc00::/7", "fd12:3456:789a::/48", "fe80::/10", "2000::/3"),
    ],
)
def test_a_whole_network_is_advised_against_as_proxies(network: str) -> None:
    (said,) = loaded(f"server: {{trusted_proxies: ['{network}']}}\n" + LEAST).advice
    assert str(said).startswith(
        f"gateway.yaml:1:28: server.trusted_proxies[0]: believes X-Forwarded-For from every machine within {network}, "
    )


@pytest.mark.parametrize(
    "network", ["10.0.0.5", "10.0.0.0/24", "fd12:3456:789a:1::/64", "127.0.0.0/8", "104.16.0.0/13", "2400:cb00::/32"]
)
def test_proxies_may_be_an_address_a_subnet_or_what_a_provider_publishes(network: str) -> None:
    assert loaded(f"server: {{trusted_proxies: ['{network}']}}\n" + LEAST).advice == ()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_an_admin_listener_of_this_machine_alone_needs_no_token(host: str) -> None:
    assert loaded(f"admin: {{host: '{host}'}}\n" + LEAST).advice == ()


def test_every_secret_of_the_configuration_is_known_and_nothing_else() -> None:
    text = (
        "admin: {token: t0ken-of-admin}\njournal: {url: 'postgresql://u:pa%20ss@h/d'}\nserver: {host: 127.0.0.1}\n"
        + LEAST.replace("{base_url: https://acme.example/}", "{base_url: https://acme.example/, password: s3cret}")
    )
    assert loaded(text).secrets == {"t0ken-of-admin", "pa%20ss", "pa ss", "MyPass-of-the-game", "s3cret"}


@pytest.mark.parametrize("name", ["x" * 300, "a/" * 3000, '"a\\0b"', '"a\\nb"'])
def test_a_file_that_cannot_even_be_looked_for_is_not_there(name: str) -> None:
    (said,) = problems(with_operator(f"tls: {{ca_file: {name}}}"))
    assert "there is no file" in said
    assert said.isprintable()


@pytest.mark.parametrize(
    "value", ["!!int", "!!float", "!!bool", "!!timestamp x", "!!binary ü", "!!int 1:_", "!!int 0b"]
)
def test_a_value_that_is_not_what_its_tag_says_is_told(value: str) -> None:
    assert "is not valid YAML" in problems(with_operator(f"timeout: {value}"))[0]


@pytest.mark.parametrize("name", ['"a\\nb"', '"\\ud800"', '"\\0"'])
def test_an_odd_key_does_not_break_the_line_that_tells_of_it(name: str) -> None:
    assert all(said.isprintable() for said in problems(with_operator(f"{name}: 1")))


@given(st.text())
def test_no_text_whatever_brings_the_reader_down(text: str) -> None:
    try:
        settings = loaded(text).settings
    except SettingsError as error:
        assert error.problems  # noqa: PT017 - either is right
    else:
        assert settings.operators


def with_secret(key: str, secret: str) -> str:
    """A configuration in which this key is this secret."""
    inbound = "operators_server: {}\n" + LEAST + "    inbound: "
    return {
        "operators.acme.credentials[0].password": LEAST.replace("MyPass-of-the-game", secret),
        "operators.acme.inbound.credentials[0].password": (
            f"{inbound}{{credentials: [{{username: u, password: {secret}}}]}}\n"
        ),
        "operators.acme.inbound.tokens[0].token": f"{inbound}{{tokens: [{{token: {secret}}}]}}\n",
        "admin.token": f"admin: {{token: {secret}}}\n{LEAST}",
    }[key]


CALLERS_SECRETS = (
    "operators.acme.credentials[0].password",
    "operators.acme.inbound.credentials[0].password",
    "operators.acme.inbound.tokens[0].token",
    "admin.token",
)


@pytest.mark.parametrize("key", CALLERS_SECRETS)
@pytest.mark.parametrize(
    "length, error, advice",
    [
        (1, "must have at least 6 characters", None),
        (5, "must have at least 6 characters", None),
        (6, None, "has fewer than 16 characters and may be guessed"),
        (15, None, "has fewer than 16 characters and may be guessed"),
        (16, None, None),
    ],
)
def test_a_short_secret_of_a_caller_is_refused_or_advised_against(
    key: str, length: int, error: str | None, advice: str | None
) -> None:
    text = with_secret(key, "x" * length)
    remedy = "; `openssl rand -base64 24` makes a good one"
    if error is not None:
        (said,) = problems(text)
        assert said.endswith(f"{key}: {error}{remedy}")
    else:
        said_of_it = [f"{each.field}: {each.text}" for each in loaded(text).advice]
        assert said_of_it == ([] if advice is None else [f"{key}: {advice}{remedy}"])


@pytest.mark.parametrize("reference", ["${file:/missing}", "${NOT_HERE}"])
@pytest.mark.parametrize("key", CALLERS_SECRETS)
def test_a_secret_that_cannot_be_read_is_told_once(key: str, reference: str) -> None:
    (said,) = problems(with_secret(key, f'"{reference}"'))
    assert f"{key}: " in said


def test_a_file_s_name_that_cannot_be_read_is_told_once() -> None:
    (said,) = problems(with_operator(f"tls: {{key_file: {__file__}, cert_file: '${{NOT_HERE}}'}}"))
    assert "operators.acme.tls.cert_file: the environment variable NOT_HERE is not set" in said


def test_a_hash_does_not_tell_a_length_and_is_not_advised_against() -> None:
    hash_ = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("x").replace("$", "$$")
    text = LEAST.replace("password: MyPass-of-the-game", f"password_hash: '{hash_}'")
    assert loaded(text).advice == ()


def test_a_secret_that_a_check_cannot_see_is_not_called_short() -> None:
    text = LEAST.replace("MyPass-of-the-game", '"${NOT_HERE}"')
    assert parse(text, "gateway.yaml", ENVIRON, settings_of, may_lack=lambda *_: True).advice == ()
