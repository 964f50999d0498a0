from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from hypothesis import given
from hypothesis import strategies as st

from adapters.hub88.sandbox_key import SANDBOX_KEY
from gateway.toolbox import (
    hmac_base64,
    hmac_hex,
    is_rsa_sha256_base64,
    listed_values,
    md5_hex,
    read_rsa_key,
    rsa_sha256_base64,
    rsa_sha256_base64_async,
    sha1_hex,
    sha256_hex,
    sorted_pairs,
    sorted_values,
)
from gateway.toolbox.signing import Algorithm
from tests.support.vectors import (
    GROOVE_KEY,
    GROOVE_SIGNATURES,
    HUB88_PUBLIC_KEY,
    HUB88_SIGNATURES,
    PRAGMATIC_HASH,
    SOFTSWISS_SIGNATURE,
)

KEY = read_rsa_key(SANDBOX_KEY)


@pytest.mark.parametrize(
    "digest, expected",
    [
        (md5_hex, "900150983cd24fb0d6963f7d28e17f72"),
        (sha1_hex, "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (sha256_hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ],
)
def test_digests_are_those_of_their_standards(digest: Callable[[bytes], str], expected: str) -> None:
    assert digest(b"abc") == expected


@pytest.mark.parametrize(
    "algorithm, expected",
    [
        ("md5", "750c783e6ab0b503eaa86e310a5db738"),
        ("sha1", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
        ("sha256", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
    ],
)
def test_keyed_digests_are_those_of_rfc_2202_and_4231(algorithm: Algorithm, expected: str) -> None:
    message = b"what do ya want for nothing?"
    assert hmac_hex("Jefe", message, algorithm) == expected
    assert b64decode(hmac_base64("Jefe", message, algorithm)).hex() == expected


def test_a_vendors_keyed_digest_is_over_the_bytes_as_they_are() -> None:
    key, body, signature = SOFTSWISS_SIGNATURE
    assert hmac_hex(key, body.encode(), "sha256") == signature


@pytest.mark.parametrize("params, signature", GROOVE_SIGNATURES)
def test_a_vendors_signature_is_over_the_values_in_the_order_of_their_names(
    params: dict[str, str], signature: str
) -> None:
    assert hmac_hex(GROOVE_KEY, sorted_values(params).encode(), "sha256") == signature


def test_a_vendors_hash_is_over_the_sorted_pairs_and_the_secret() -> None:
    params, secret, signature = PRAGMATIC_HASH
    assert md5_hex((sorted_pairs(params) + secret).encode()) == signature


def test_large_letters_come_before_small_ones() -> None:
    assert sorted_pairs({"a": "3", "Z": "2", "X-Nonce": "1", "é": "4"}) == "X-Nonce=1&Z=2&a=3&é=4"


@given(st.dictionaries(st.text(max_size=5), st.just("")))
def test_names_are_in_the_order_of_their_bytes(params: dict[str, str]) -> None:
    params = {name: name for name in params if not any("\ud800" <= c <= "\udfff" for c in name)}
    assert sorted_values(params).encode() == b"".join(sorted(name.encode() for name in params))


def test_listed_values_are_in_the_order_that_is_asked_for() -> None:
    assert listed_values({"userId": "7", "token": "t", "hash": "x"}, ["token", "userId"]) == "t7"
    with pytest.raises(KeyError):
        listed_values({}, ["token"])


@pytest.mark.parametrize("message, signature", HUB88_SIGNATURES)
def test_a_vendors_rsa_signatures_are_of_our_kind(message: str, signature: str) -> None:
    key: Any = load_pem_public_key(HUB88_PUBLIC_KEY.encode())
    assert is_rsa_sha256_base64(key, message.encode(), signature)
    assert not is_rsa_sha256_base64(key, message.encode() + b" ", signature)


@pytest.mark.parametrize("signature", ["", "é", "AAAA", "not base64"])
def test_what_is_not_a_signature_is_none(signature: str) -> None:
    assert not is_rsa_sha256_base64(KEY.public_key(), b"{}", signature)


def test_an_rsa_signature_is_of_these_bytes_and_no_others() -> None:
    signature = rsa_sha256_base64(KEY, b'{"a":1}')
    assert is_rsa_sha256_base64(KEY.public_key(), b'{"a":1}', signature)
    assert rsa_sha256_base64(KEY, b'{"a":1}') == signature
    assert rsa_sha256_base64(KEY, b'{"a": 1}') != signature


async def test_an_rsa_signature_is_the_same_wherever_it_is_made() -> None:
    with ThreadPoolExecutor(1) as thread:
        in_thread = await rsa_sha256_base64_async(KEY, b"{}", thread)
    assert in_thread == await rsa_sha256_base64_async(KEY, b"{}", None)


@pytest.mark.parametrize("pem", ["", SANDBOX_KEY[:-60], HUB88_PUBLIC_KEY])
def test_what_is_not_a_private_key_is_refused_without_showing_it(pem: str) -> None:
    with pytest.raises(ValueError, match="is not a private key") as failure:
        read_rsa_key(pem)
    assert "BEGIN" not in str(failure.value)
