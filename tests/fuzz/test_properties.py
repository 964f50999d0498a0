"""The same checks that `make fuzz` runs by the million, on a few hundred inputs each, made of likely pieces."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.operators import registry
from tests.fuzz.documented import DOCUMENTED
from tests.fuzz.operators import PLAYED
from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS

EXAMPLES = 250


def inputs(target: Target) -> st.SearchStrategy[bytes]:
    """Anything; words in a row; or an input of the corpus with one piece put in or taken out."""
    words = st.sampled_from(target.words)
    spliced = st.builds(_spliced, st.sampled_from(target.seeds), st.tuples(_SHARE, _SHARE), words | st.binary())
    return st.one_of(
        st.binary(max_size=target.longest),
        st.lists(words | st.binary(max_size=8), max_size=24).map(b"".join),
        spliced,
    )


_SHARE = st.integers(0, 1000)


def _spliced(seed: bytes, shares: tuple[int, int], piece: bytes) -> bytes:
    begin, end = sorted(share * len(seed) // 1000 for share in shares)
    return seed[:begin] + piece + seed[end:]


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


def test_every_adapter_is_fuzzed() -> None:
    assert set(registry.names()) == set(DOCUMENTED) == set(PLAYED), "say in tests/fuzz/documented.py what a yes is"
    assert {*DOCUMENTED} <= {*TARGETS}
