"""The same checks that `make fuzz` runs by the million, on a few hundred inputs each, made of likely pieces."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.operators import registry
from tests.fuzz.documented import DOCUMENTED
from tests.fuzz.operators import PLAYED
from tests.fuzz.target import PIECE, Target, edited
from tests.fuzz.targets import TARGETS

EXAMPLES = 200
NEIGHBOURS = {False: 5000, True: 600}
"""How many of them are tried, if there are more, of targets that are slow and that are not."""


def inputs(target: Target) -> st.SearchStrategy[bytes]:
    """Anything; words in a row; or inputs of the corpus with some of their pieces changed."""
    piece = st.sampled_from(target.pieces) | st.binary(max_size=4)
    edits = st.lists(st.tuples(st.integers(0, 100), piece, st.integers(0, 2)), max_size=3)
    changed = st.builds(edited, st.sampled_from(target.seeds), edits)
    return st.one_of(st.binary(max_size=target.longest), st.lists(piece, max_size=24).map(b"".join), changed)


def neighbours(target: Target) -> Iterator[bytes]:
    """All of them, or as many as there is time for, drawn always the same."""
    ways = [
        (seed, place, piece, width)
        for seed in target.seeds
        for place in range(len(PIECE.findall(seed)))
        for piece in (b"", *target.pieces)
        for width in (0, 1)
    ]
    most = NEIGHBOURS[target.is_slow]
    for seed, place, piece, width in ways if len(ways) <= most else Random(0).sample(ways, most):
        yield edited(seed, [(place, piece, width)])


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS.keys())
def test_whatever_comes_in_what_must_hold_holds(target: Target) -> None:
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(inputs(target))
    def holds(data: bytes) -> None:
        target.check(data)

    holds()


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS.keys())
def test_every_input_that_is_kept_passes(target: Target) -> None:
    assert target.seeds
    for seed in target.seeds:
        target.check(seed)


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS.keys())
def test_every_kept_input_with_one_piece_put_in_changed_or_left_out_passes(target: Target) -> None:
    for data in neighbours(target):
        try:
            target.check(data)
        except Exception as error:
            raise AssertionError(data) from error


def test_every_adapter_whose_yes_is_written_down_is_fuzzed() -> None:
    assert set(DOCUMENTED) == set(PLAYED) <= set(registry.names()), "the others: test_mutated.py"
    assert {*DOCUMENTED} <= {*TARGETS}
