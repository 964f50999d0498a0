from __future__ import annotations

from collections import Counter

from gateway.demo.plan import END_FAULTS, HOLD_FAULTS, purchases
from gateway.records import WALLET_DIRECTIONS, Direction
from gateway.sandbox.faults import Fault

OPERATORS = ("a", "b")


def test_every_fault_happens_at_every_operator() -> None:
    planned = purchases(400, OPERATORS, 10)
    for operator in OPERATORS:
        own = [purchase for purchase in planned if purchase.operator == operator]
        assert {purchase.hold_fault for purchase in own} == {None, *HOLD_FAULTS}
        assert {purchase.end_fault for purchase in own} == {None, *END_FAULTS}


def test_an_operator_without_deposits_is_played_with_withdraws_alone_and_the_others_as_before() -> None:
    usual, planned = purchases(400, OPERATORS, 10), purchases(400, OPERATORS, 10, {"b"})
    assert {purchase.direction for purchase in planned if purchase.operator == "b"} == {Direction.WITHDRAW}
    assert {purchase.direction for purchase in planned if purchase.operator == "a"} == set(WALLET_DIRECTIONS)
    assert [each for each in planned if each.operator == "a"] == [each for each in usual if each.operator == "a"]


def test_half_of_the_purchases_go_wrong_at_the_hold_and_a_quarter_at_the_end() -> None:
    planned = purchases(320, OPERATORS, 10)
    assert sum(purchase.hold_fault is not None for purchase in planned) == 160
    assert sum(purchase.end_fault is not None for purchase in planned) == 80


def test_a_plan_is_the_same_every_time_and_names_every_purchase_once() -> None:
    planned = purchases(100, OPERATORS, 3)
    assert planned == purchases(100, OPERATORS, 3)
    assert Counter(Counter(purchase.id for purchase in planned).values()) == {1: 100}
    assert {purchase.player for purchase in planned} == {1, 2, 3}


def test_a_purchase_asks_its_operator_for_its_own_faults_alone() -> None:
    planned = purchases(32, OPERATORS, 1)
    rules = [(purchase, rule) for purchase in planned for rule in purchase.faults()]
    assert all(rule.ids == (purchase.id,) for purchase, rule in rules)
    assert all(rule.calls for _, rule in rules)
    late = [rule for _, rule in rules if rule.fault is Fault.LATE]
    assert {call for rule in late for call in rule.calls} <= {"withdraw", "deposit"}
