"""The payments of an operator in a configuration, and every way in which they can be wrong."""

from __future__ import annotations

from decimal import Decimal

import pytest

from gateway.payments.registry import payment_format
from gateway.settings import Loaded, SettingsError, json_schema
from gateway.settings.loader import parse

LEAST = """\
delivery: {until: 4d}
operators:
  acme:
    adapter: x
    credentials: [{username: JohnDoe, password: MyPass-of-the-game}]
    delivery: {jitter: 0.2}
    payment:
      settings: {secrets: [a-secret-of-acme]}
      currency: EUR
      game: {url: "http://game.example/pay/quantum", secret: the-game-s-secret}
journal: {url: "sqlite:///j.db", keep: 30d}
"""


def loaded(text: str) -> Loaded:
    return parse(text, "g.yaml", {}, payment_settings_of=lambda name: payment_format(name).Settings)


def problems(text: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        loaded(text)
    return [str(problem) for problem in caught.value.problems]


def with_line(line: str) -> str:
    return LEAST.replace("      currency: EUR\n", f"      currency: EUR\n      {line}\n")


def test_the_least_of_payments_is_enough() -> None:
    payment = loaded(LEAST).settings.operators["acme"].payment
    assert payment is not None
    assert (payment.format, payment.catalogue, payment.game.acknowledgement) == ("quantum", None, None)
    assert (payment.game.timeout, payment.game.limits.concurrency) == (5.0, 128)


def test_the_delivery_of_payments_overlays_the_operators_and_that_the_general_one() -> None:
    payment = loaded(with_line("delivery: {then_every: 1m}")).settings.operators["acme"].payment
    assert payment is not None
    assert (payment.delivery.then_every, payment.delivery.jitter, payment.delivery.until) == (60.0, 0.2, 4 * 86400)


def test_both_secrets_are_known_as_secrets_and_stand_in_no_repr() -> None:
    found = loaded(LEAST)
    assert {"a-secret-of-acme", "the-game-s-secret"} <= found.secrets
    assert "secret-of-acme" not in repr(found.settings)
    assert "the-game-s" not in repr(found.settings)


@pytest.mark.parametrize(
    "written, price",
    [
        ("4.99", "4.99"),
        ("5", "5"),
        ('"4.990"', "4.99"),
        ('"1234567890123456.78"', "1234567890123456.78"),
        ("0.0001", "0.0001"),
        ("0.00001", "0.00001"),
    ],
)
def test_a_price_of_the_catalogue_is_exact(written: str, price: str) -> None:
    payment = loaded(with_line(f"catalogue: {{wm.spin.1: {written}}}")).settings.operators["acme"].payment
    assert payment is not None
    assert payment.catalogue == {"wm.spin.1": Decimal(price)}


@pytest.mark.parametrize(
    "written",
    ["0", "-1", "true", "free", '"1e2"', ".nan", ".inf", "[1]", '"4,99"', "1e40", '"0.0000000000001"', '"0"'],
)
def test_what_is_no_price_is_told_with_what_would_be_one(written: str) -> None:
    (problem,) = problems(with_line(f"catalogue: {{gold: {written}}}"))
    assert problem.startswith("g.yaml:10:25: operators.acme.payment.catalogue.gold: ")
    assert problem.endswith("is not a price; write a number greater than 0, such as 4.99")


def test_a_price_with_more_digits_than_a_number_of_yaml_keeps_is_told() -> None:
    (problem,) = problems(with_line("catalogue: {gold: 1234567890123456.78}"))
    assert problem.endswith("has more digits than YAML keeps of a number; put it in quotes")


@pytest.mark.parametrize(
    "old, new, said",
    [
        (
            "secrets: [a-secret-of-acme]",
            "secrets: []",
            "8:27: operators.acme.payment.settings.secrets: must not be empty",
        ),
        (
            "secrets: [a-secret-of-acme]",
            "secret: a",
            '8:18: operators.acme.payment.settings.secret: unknown key; did you mean "secrets"?',
        ),
        (
            "[a-secret-of-acme]",
            "[a-secret-of-acme], ts_window: 600",
            '8:58: operators.acme.payment.settings.ts_window: "600" is not a duration; write e.g. 5s, 250ms or 1h30m',
        ),
        (
            "[a-secret-of-acme]",
            "[a-secret-of-acme], answers: {lost: {status: 200}}",
            "operators.acme.payment.settings.answers.lost",
        ),
        (
            "      currency: EUR",
            "      format: quantm\n      currency: EUR",
            (
                "9:15: operators.acme.payment.format: there is no payment format 'quantm'; "
                "installed are: odnoklassniki, quantum"
            ),
        ),
        ("      currency: EUR\n", "", "8:7: operators.acme.payment.currency: is missing: The currency of its prices"),
        ("EUR", "E R", "9:17: operators.acme.payment.currency: must match the pattern"),
        ("http://game.example/", "ftp://game.example/", "payment.game.url: must be an http or https URL"),
        ("http://game.example/", "http://u:hunter2@game.example/", "payment.game.url: must be an http or https URL"),
        ("http://game.example/", "http://game.example:0/", "payment.game.url: must be an http or https URL"),
        ("http://game.example/", "http://game.example:x/", "payment.game.url: must be an http or https URL"),
        ("http://game.example/", "http:///", "payment.game.url: must be an http or https URL"),
        ("secret: the-game-s-secret", "tls: {ca_file: /none.pem}, secret: x", "there is no file /none.pem"),
    ],
)
def test_a_mistake_in_payments_is_told_with_its_place_and_its_remedy(old: str, new: str, said: str) -> None:
    found = problems(LEAST.replace(old, new))
    assert any(said in problem for problem in found), found
    assert not any("hunter2" in problem for problem in found)


def test_two_operators_cannot_share_a_secret_since_it_tells_whose_payment_it_is() -> None:
    first = LEAST.partition("operators:\n")[2].partition("journal:")[0]
    second = first.replace("acme:", "beta:").replace("JohnDoe", "JaneDoe").replace("[a-", "[own, a-")
    both = LEAST.replace("journal:", f"{second}journal:")
    (problem,) = problems(both)
    assert problem.startswith("g.yaml:16:33: operators.beta.payment.settings.secrets[1]: is also a secret of acme, ")
    other_form = both.replace(
        "settings: {secrets: [own,", "format: odnoklassniki\n      settings: {server_id: 1, secrets: [own,"
    )
    assert loaded(other_form).settings.operators["beta"].payment is not None


@pytest.mark.parametrize("payment", ["5", "[]", "{format: [x]}", "{settings: 5}", "{game: 5}", "{catalogue: 5}"])
def test_what_is_no_section_of_payments_is_told_and_breaks_nothing(payment: str) -> None:
    before, _, after = LEAST.partition("    payment:\n")
    journal = after[after.index("journal:") :]
    assert all(": operators.acme.payment" in each for each in problems(f"{before}    payment: {payment}\n{journal}"))


def test_the_schema_has_the_settings_of_each_format_and_those_of_the_default_where_none_is_named() -> None:
    schema = json_schema({}, {name: payment_format(name).Settings for name in ("quantum", "odnoklassniki")})
    conditions = {
        each["then"]["properties"]["settings"]["$ref"]: each["if"]
        for each in schema["$defs"]["PaymentSettings"]["allOf"]
    }
    assert conditions == {
        "#/$defs/format.odnoklassniki": {
            "properties": {"format": {"const": "odnoklassniki"}},
            "required": ["format"],
        },
        "#/$defs/format.quantum": {"properties": {"format": {"const": "quantum"}}},
    }
    assert "ts_window" in schema["$defs"]["format.quantum"]["properties"]
    assert "allOf" not in json_schema({})["$defs"]["PaymentSettings"]
