from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from time import process_time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.operators.http_client.wire_use import CURRENT_USE, WireUse
from gateway.secret_spellings import _OFTEN_UP_TO, KnownSecrets, _begins_of_short
from gateway.telemetry.redaction import Redaction
from gateway.toolbox import hmac_base64, hmac_hex, md5_hex, sha256_hex

TOKEN = "0fabcdc4-fe07-44f2-b968-93da3b324898"
LINES = [
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj",
    "MzEfYyjiWA4R4/M2bS1GB4t7NXp98C3SC6dVMvDuictGeurT8jNbvJZHtCSuYEvu",
]
PEM = "\n".join(["-----BEGIN PRIVATE KEY-----", *LINES, "-----END PRIVATE KEY-----", ""])


def hidden(text: str, *secrets: str) -> str:
    return KnownSecrets(secrets).hide(text, (), "*")


@pytest.mark.parametrize(
    "text",
    [
        f"the key is {LINES[0]}, sir",
        f"the key is {LINES[1].lower()}, sir",
        f"the key is {''.join(LINES)}, sir",
        f"the key is {' '.join(''.join(LINES)[at : at + 8] for at in range(0, 128, 8))}, sir",
        f"the key is {b64encode(PEM.encode()).decode().rstrip('=')}, sir",
    ],
)
def test_no_line_of_a_key_comes_out(text: str) -> None:
    left = hidden(text, PEM).removeprefix("the key is *").removesuffix(", sir")
    assert left in {"", " *", "g"}  # g stands for two bits of the last end of a line


@pytest.mark.parametrize(
    "text", ["a sword for 1,000 gems", "HTTP 502: Bad Gateway", "12-30-45", "the cat is on the mat: 0x1f, 100 %"]
)
@pytest.mark.parametrize("count", [1, 40, 1000])
def test_what_is_not_secret_stays(text: str, count: int) -> None:
    secrets = [f"s3cret-{number}-{b64encode(bytes([number % 256] * 9)).decode()}" for number in range(count)]
    assert hidden(text, *secrets) == text


def test_many_secrets_are_found_as_one_is() -> None:
    secrets = [f"{number:05}-secret" for number in range(2000)]
    assert hidden("00000-SECRET and MDE5OTktc2VjcmV0 and 01234-other", *secrets) == "* and * and 01234-other"


@pytest.mark.parametrize("piece", ["sk_live_", "sk_live_0", "sk_live_…", "sk_live_00999…", "sk_live_*** "])
def test_a_text_of_nothing_but_the_beginning_of_many_secrets_takes_no_longer_for_all_than_for_one(piece: str) -> None:
    known = KnownSecrets(f"sk_live_{number:05}" for number in range(1000))
    known.hide("once", (), "*")  # what they may look like is worked out
    begun = process_time()
    known.hide(piece * (4096 // len(piece)), (), "*")
    assert process_time() - begun < 0.5


@given(
    st.lists(st.text("ab", min_size=4, max_size=12), min_size=1, max_size=6),
    st.lists(st.text("ab…", max_size=12), max_size=6),
    st.data(),
)
def test_of_secrets_that_begin_alike_none_is_missed(secrets: list[str], others: list[str], data: st.DataObject) -> None:
    text = "".join(data.draw(st.permutations([*secrets, *others])))
    left = hidden(text, *secrets)
    beginnings = {f"{secret[:length]}…" for secret in secrets for length in range(4, len(secret))}
    assert [found for found in [*secrets, *beginnings] if found in left] == []


SECRETS = st.lists(st.text(min_size=1, max_size=30), max_size=3)


@given(SECRETS, st.text(max_size=30), st.text(max_size=40), st.text(max_size=40), st.data())
def test_a_glance_never_misses_what_a_search_finds(
    secrets: list[str], token: str, before: str, after: str, data: st.DataObject
) -> None:
    known = KnownSecrets(secrets)
    text = before + data.draw(st.sampled_from([*secrets, token, ""])) + after
    if known.are_far_from(text, token):
        assert [span for span in known.spans_in(text, (token,)) if span[1] < len(text)] == []


def test_of_texts_that_come_again_few_and_short_ones_are_remembered() -> None:
    known = KnownSecrets(["a-secret-of-somebody"])
    for number in range(1000):
        assert known.are_far_from(f"{number} gems", "token")
        assert known.are_far_from(f"{number} gems".rjust(10_000), "token")
    remembered = _begins_of_short.cache_info()
    assert (remembered.currsize, remembered.maxsize) == (256, 256)
    assert not known.are_far_from("x" * _OFTEN_UP_TO + "a-secret-of-somebody", "token")
    before = remembered.misses
    assert known.are_far_from(" " * _OFTEN_UP_TO + "1 gems", "token")
    assert _begins_of_short.cache_info().misses == before


@given(st.text(st.characters(exclude_characters='"', codec="utf-8"), min_size=4, max_size=30))
def test_a_line_of_json_without_its_secrets_is_still_one(secret: str) -> None:
    redaction = Redaction()
    redaction.register([secret])
    line = msgspec.json.encode({"a": f"said {secret}.", "b": [secret, json.dumps(secret)]}).decode()
    told = json.loads(redaction.redact_line(line))
    assert told["b"][0] == "***"
    assert secret not in told["a"]


@pytest.mark.parametrize("secret", ["1234", "123456", "true", "null", "[{}]", "1,2,3,4"])
def test_a_secret_that_looks_like_a_number_leaves_a_line_that_can_be_read(secret: str) -> None:
    redaction = Redaction()
    redaction.register([secret])
    line = {"level": "info", "took_ms": 1234.56, "n": 123456, "ok": True, "player": None, "c": [{}, 1, 2, 3, 4]}
    told = json.loads(redaction.redact_line(json.dumps({**line, "said": f"it was {secret}."}, separators=(",", ":"))))
    assert told == {**line, "said": "it was ***."}


@pytest.mark.parametrize(
    "sign",
    [
        lambda: hmac_hex("key", b"m", "sha256"),
        lambda: hmac_base64("key", b"m", "sha1"),
        lambda: md5_hex(b"key"),
        lambda: sha256_hex(b"key"),
    ],
)
def test_what_is_signed_for_a_call_is_a_secret_of_it(sign: Callable[[], str]) -> None:
    use = WireUse()
    token = CURRENT_USE.set(use)
    try:
        signed = sign()
    finally:
        CURRENT_USE.reset(token)
    assert use.secrets == (signed,)


def test_the_token_of_a_call_is_blotted_out_of_its_texts_and_others_stay() -> None:
    redaction = Redaction()
    redaction.register(["near-secret"])
    assert redaction.redact_of_call("A sword", TOKEN) == "A sword"
    assert redaction.redact_of_call(f"for {TOKEN.upper()}.", TOKEN) == "for ***."
    assert redaction.redact_of_call(f"for {TOKEN.encode().hex()}.", TOKEN) == "for ***."
    assert redaction.redact_of_call("with near%2Dsecret.", TOKEN) == "with ***."
    assert redaction.redact_of_call(f"for {TOKEN}.", "another-token") == f"for {TOKEN}."
    assert redaction.redact_of_call("a tok1 b", "tok1") == "a *** b"
    assert redaction.redact_of_call("a ;;;; b", ";;;;") == "a *** b"
