"""Small mistakes in adapters are seen by the suite. `make adapter-canaries` makes all of them; here a handful."""

from __future__ import annotations

from collections import Counter
from typing import Final

import pytest

from tests.adapter_canaries.canary import AdapterCanary, hunted
from tests.adapter_canaries.flock import CANARIES
from tests.support.mutation import mutated

FEWEST: Final = 60
"""Mistakes in each adapter."""

QUICK: Final = {
    "quantum: the amount is a float": "an_amount_arrives_exactly_or_is_declined_unsent",
    "quantum: any code of `already` acknowledges any end": "every_error_code_means_what_the_contract_says",
    "quantum: the type of the body is left out": "a_body_says_what_it_is",
    "hub88: codes are looked up backwards": "a_currency_goes_by_the_operators_code",
    "hub88: an id leaves out the direction": "every_transfer_has_a_name_of_its_own",
    "hub88: `confirm: none` is not looked at": "every_other_setting_changes_what_is_sent",
    "pragmatic: a refund without a transactionId is done": "every_error_code_means_what_the_contract_says",
    "pragmatic: the form is not quoted": "every_transfer_has_a_name_of_its_own",
}


def name_of(canary: AdapterCanary) -> str:
    return f"{canary.adapter}: {canary.name}"


@pytest.mark.parametrize("canary", CANARIES, ids=name_of)
def test_every_canary_still_fits_its_adapter(canary: AdapterCanary) -> None:
    with mutated(canary.edits):
        assert canary.edits


@pytest.mark.parametrize("name, behaviour", QUICK.items())
def test_a_mistake_is_seen(name: str, behaviour: str) -> None:
    (canary,) = (each for each in CANARIES if name_of(each) == name)
    assert hunted(canary).behaviour == behaviour


def test_mistakes_are_told_apart_by_name_and_are_many_in_each_adapter() -> None:
    assert len({name_of(each) for each in CANARIES}) == len(CANARIES)
    assert min(Counter(each.adapter for each in CANARIES).values()) >= FEWEST
