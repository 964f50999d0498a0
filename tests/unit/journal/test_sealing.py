from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.journal.sealing import Sealer, Unsealable

OLD, NEW = b"o" * 32, b"n" * 32
SECRET = b"0fabcdc4-fe07-44f2-b968-93da3b324898"


@given(st.binary(), st.binary(), st.sampled_from([(), (OLD,), (NEW, OLD)]))
def test_what_was_sealed_opens_in_its_context(plain: bytes, context: bytes, keys: tuple[bytes, ...]) -> None:
    sealer = Sealer(keys)
    assert sealer.open(sealer.seal(plain, context), context) == plain


def test_with_a_key_the_plain_text_cannot_be_seen() -> None:
    assert SECRET not in Sealer([OLD]).seal(SECRET, b"acme")
    assert SECRET in Sealer().seal(SECRET, b"acme")


def test_the_same_value_is_sealed_differently_each_time_and_by_each_process() -> None:
    first, second = Sealer([OLD]), Sealer([OLD])
    sealed = [sealer.seal(SECRET, b"acme") for sealer in (first, second) for _ in range(100)]
    assert len(set(sealed)) == 200
    assert {first.open(value, b"acme") for value in sealed} == {SECRET}


def test_a_value_moved_to_another_operator_does_not_open() -> None:
    sealer = Sealer([OLD])
    with pytest.raises(Unsealable, match="does not open"):
        sealer.open(sealer.seal(SECRET, b"acme"), b"globex")


def test_a_value_that_was_changed_anywhere_does_not_open() -> None:
    sealer = Sealer([OLD])
    sealed = sealer.seal(SECRET, b"acme")
    for place in range(1, len(sealed)):
        changed = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        with pytest.raises(Unsealable):
            sealer.open(changed, b"acme")


@pytest.mark.parametrize("form", [2, 0x81, 0xFF])
def test_a_form_that_is_not_known_does_not_open(form: int) -> None:
    sealer = Sealer([OLD])
    sealed = sealer.seal(SECRET, b"acme")
    with pytest.raises(Unsealable, match="a form that this version does not know"):
        sealer.open(bytes([form]) + sealed[1:], b"acme")


def test_a_value_cut_short_does_not_open() -> None:
    sealer = Sealer([OLD])
    sealed = sealer.seal(SECRET, b"acme")
    for length in range(len(sealed)):
        with pytest.raises(Unsealable):
            sealer.open(sealed[:length], b"acme")


def test_after_a_change_of_keys_both_open_and_the_new_one_seals() -> None:
    old, both, new = Sealer([OLD]), Sealer([NEW, OLD]), Sealer([NEW])
    assert both.open(old.seal(SECRET, b"acme"), b"acme") == SECRET
    assert new.open(both.seal(SECRET, b"acme"), b"acme") == SECRET
    with pytest.raises(Unsealable, match="not configured"):
        new.open(old.seal(SECRET, b"acme"), b"acme")


def test_a_secret_is_found_under_every_key_it_may_have_been_written_under_the_newest_first() -> None:
    plain, old, both = Sealer(), Sealer([OLD]), Sealer([NEW, OLD])
    assert both.digests(SECRET) == [Sealer([NEW]).digest(SECRET), old.digest(SECRET)]
    assert Sealer([OLD], opens_plain=True).digests(SECRET) == [old.digest(SECRET), plain.digest(SECRET)]
    assert both.digest(SECRET) == both.digests(SECRET)[0]
    assert plain.digests(SECRET) == [plain.digest(SECRET)]


def test_a_digest_tells_nothing_without_the_key() -> None:
    assert Sealer([OLD]).digest(SECRET) != Sealer([NEW]).digest(SECRET) != Sealer().digest(SECRET)
    assert Sealer([OLD]).digest(SECRET) != Sealer([OLD]).digest(SECRET + b"x")


def test_with_a_key_a_plain_value_opens_only_where_that_is_wanted() -> None:
    plain = Sealer().seal(SECRET, b"acme")
    assert Sealer().open(plain, b"acme") == SECRET
    assert Sealer([OLD], opens_plain=True).open(plain, b"acme") == SECRET
    with pytest.raises(Unsealable, match="is not encrypted, although there is a key"):
        Sealer([OLD]).open(plain, b"acme")
    with pytest.raises(Unsealable):
        Sealer([OLD]).open(b"\x00" + Sealer([OLD]).seal(SECRET, b"acme")[1:], b"acme")
