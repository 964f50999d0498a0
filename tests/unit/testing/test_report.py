"""Exemptions, and the grade that an adapter reaches."""

from __future__ import annotations

import asyncio

import pytest

from adapters.quantum import Quantum
from adapters.quantum.simulated import SimulatedQuantum
from gateway.testing.behaviours import BEHAVIOURS, Grade
from gateway.testing.mismatch import Mismatch
from gateway.testing.subject import Subject
from gateway.testing.suite import BehaviourResult, Passing, Report, check_behaviour, grade_of, wrong_exemptions


class OneCurrency(SimulatedQuantum):
    currencies = ("XAG",)


CURRENCIES = "currencies_of_any_places_are_carried"


def checked(simulated: type[SimulatedQuantum], reason: str | None, name: str = CURRENCIES) -> BehaviourResult:
    class Exempt(simulated):  # type: ignore[misc,valid-type]  # whichever it is
        exemptions = {} if reason is None else {name: reason}

    return asyncio.run(check_behaviour(BEHAVIOURS[name], Subject(Quantum, Exempt)))


def test_a_declared_exemption_counts_with_its_reason() -> None:
    result = checked(OneCurrency, "the contract has one currency")
    assert (result.passing, result.exemption, result.text) == (Passing.EXEMPT, "the contract has one currency", "")


def test_without_an_exemption_it_fails_and_says_what_was_expected() -> None:
    result = checked(OneCurrency, None)
    assert result.passing is Passing.FAILED
    assert "expected  JPY, EUR, KWD" in result.text
    assert "came      XAG" in result.text


@pytest.mark.parametrize(
    "simulated, reason, said", [(OneCurrency, " ", "gives no reason"), (SimulatedQuantum, "because", "is not needed")]
)
def test_an_exemption_without_reason_or_need_is_a_failure(
    simulated: type[SimulatedQuantum], reason: str, said: str
) -> None:
    result = checked(simulated, reason)
    assert result.passing is Passing.FAILED
    assert said in result.text


def test_nothing_is_exempt_from_what_loses_money() -> None:
    result = checked(SimulatedQuantum, "we are careful", "no_deposit_is_sent_to_a_contract_without_them")
    assert "no contract can be exempt" in result.text
    allowed = {each.name for each in BEHAVIOURS.values() if each.exemptible and each.grade is Grade.BRONZE}
    assert allowed == {
        "an_answer_to_another_request_is_unknown",
        "the_status_of_another_transfer_is_an_error",
        "a_late_hold_is_undone_by_an_operator_that_repeats_its_answers",
        "a_yes_that_names_nothing_is_unknown",
        "a_yes_to_another_act_is_unknown",
        "an_end_needs_nothing_that_only_the_hold_knew",
    }


def test_an_exemption_from_what_does_not_exist_is_told() -> None:
    assert wrong_exemptions({"no_such_thing": "because"}) == [
        "an exemption names 'no_such_thing', which is not a behaviour"
    ]


@pytest.mark.parametrize(
    "failed, reached",
    [(None, Grade.GOLD), (Grade.GOLD, Grade.SILVER), (Grade.SILVER, Grade.BRONZE), (Grade.BRONZE, None)],
)
def test_a_grade_needs_those_before_it(failed: Grade | None, reached: Grade | None) -> None:
    results = [
        BehaviourResult(grade, grade, Passing.FAILED if grade is failed else Passing.PASSED, []) for grade in Grade
    ]
    assert grade_of(results) is reached
    assert Report("a", reached, results, []).passed is (failed is None)


def test_a_failure_shows_what_was_sent_answered_and_expected_of_the_first_few() -> None:
    mismatches = [Mismatch(f"case {n}", "POST /w", "HTTP 200", "unknown", "success") for n in range(7)]
    name = "every_try_is_the_same"
    text = BehaviourResult(name, Grade.BRONZE, Passing.FAILED, mismatches).text
    assert (
        "  case 0\n    sent      POST /w\n    answered  HTTP 200\n    expected  unknown\n    came      success" in text
    )
    assert "case 5" not in text
    assert text.endswith("and 2 more like these")


def test_every_behaviour_says_what_it_proves() -> None:
    assert [each.name for each in BEHAVIOURS.values() if len(each.about) < 40] == []
