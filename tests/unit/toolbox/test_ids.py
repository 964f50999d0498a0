from __future__ import annotations

import re
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.operators import Direction
from gateway.toolbox import derived_uuid, rollback_step, safe_id, transfer_hex, transfer_number, transfer_uuid
from tests.support.transfers import a_transfer

NAMESPACE = UUID("9b6f5a0c-3f0e-5d0c-8f5c-0d5b8a1f6a57")
WITHDRAW = a_transfer()
DEPOSIT = a_transfer(direction=Direction.DEPOSIT)
LOOSE = re.compile(r"[a-zA-Z0-9_.-]{1,255}")


# In full: were a new release to derive others, whatever is under way would be lost.
def test_ids_never_change() -> None:
    assert transfer_uuid(NAMESPACE, WITHDRAW, "hold") == "de0fc18e-893e-5d69-9f90-f78a3306c480"
    assert transfer_hex(NAMESPACE, WITHDRAW, "hold") == "de0fc18e893e5d699f90f78a3306c480"
    assert transfer_number(NAMESPACE, WITHDRAW, "hold") == 1951429924989155076
    assert safe_id(NAMESPACE, WITHDRAW, "hold", LOOSE) == "acme.withdraw.hold.1234abcd"


def test_operator_direction_id_and_step_each_make_another_id() -> None:
    others = [DEPOSIT, a_transfer(id="other"), a_transfer(operator="beta")]
    for derive in (transfer_uuid, transfer_hex, transfer_number):
        ids = [derive(NAMESPACE, transfer, "hold") for transfer in (WITHDRAW, *others)]
        ids.append(derive(NAMESPACE, WITHDRAW, "rollback"))
        ids.append(derive(UUID(int=1), WITHDRAW, "hold"))
        assert len(set(ids)) == len(ids)


@given(st.text(max_size=40))
def test_a_number_is_a_positive_signed_64_bit_integer(text: str) -> None:
    assert 0 < transfer_number(NAMESPACE, a_transfer(id=text), "hold") < 2**63


def test_a_uuid_of_several_texts_is_of_all_of_them() -> None:
    assert derived_uuid(NAMESPACE, "acme", "withdraw", "1234abcd", "hold") == transfer_uuid(NAMESPACE, WITHDRAW, "hold")


@pytest.mark.parametrize(
    "own, pattern, expected",
    [
        ("1234abcd", r"[0-9a-zA-Z-]+", "de0fc18e-893e-5d69-9f90-f78a3306c480"),
        ("1234abcd", r"[0-9a-zA-Z]{1,32}", "de0fc18e893e5d699f90f78a3306c480"),
    ],
)
def test_an_id_that_does_not_fit_the_contract_is_replaced(own: str, pattern: str, expected: str) -> None:
    assert safe_id(NAMESPACE, a_transfer(id=own), "hold", re.compile(pattern)) == expected


@pytest.mark.parametrize("own", ["", "ä", "a b", "x" * 300, "a\n"])
def test_whatever_the_games_id_is_the_operators_fits(own: str) -> None:
    assert LOOSE.fullmatch(safe_id(NAMESPACE, a_transfer(id=own), "hold", LOOSE))


def test_a_pattern_that_no_id_fits_is_an_error() -> None:
    with pytest.raises(ValueError, match="no id"):
        safe_id(NAMESPACE, WITHDRAW, "hold", re.compile("[0-9]{5}"))


@given(
    st.lists(st.tuples(st.sampled_from(Direction), st.sampled_from(("hold", "rollback")), st.text("a.d", max_size=6)))
)
def test_no_two_steps_share_an_id(steps: list[tuple[Direction, str, str]]) -> None:
    ids = {safe_id(NAMESPACE, a_transfer(direction=way, id=own), step, LOOSE) for way, step, own in steps}
    assert len(ids) == len(set(steps))


def test_the_rollback_after_never_heard_of_it_and_after_the_window_are_other_requests() -> None:
    first = [rollback_step(a_transfer(tries=tries)) for tries in (0, 7)]
    again = [rollback_step(a_transfer(tries=tries, missing_at=1000.0)) for tries in (1, 9)]
    last = [rollback_step(a_transfer(tries=tries, missing_at=1000.0, window_over=True)) for tries in (2, 10)]
    assert len({*first, *again, *last}) == 3
    assert len({*first}) == len({*again}) == len({*last}) == 1
