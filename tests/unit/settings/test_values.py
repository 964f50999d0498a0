from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from gateway.settings.values import (
    WRITTEN,
    Duration,
    Network,
    Share,
    Size,
    duration_text,
    parse_duration,
    parse_size,
    share_text,
    size_text,
)


@pytest.mark.parametrize(
    "text, seconds",
    [
        ("0s", 0.0),
        ("250ms", 0.25),
        ("5s", 5.0),
        ("0.5s", 0.5),
        ("2m", 120.0),
        ("1h30m", 5400.0),
        ("48h", 172_800.0),
        ("1d12h", 129_600.0),
        ("0.1s", 0.1),
    ],
)
def test_a_duration_is_read_in_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "5 s", "s", "-5s", "5S", "5sec", "1e3s", "5s ", "5s\n", "\u0665s", ".5s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        parse_duration(text)


@given(st.integers(min_value=0, max_value=10**12))
def test_a_duration_survives_being_written_and_read(milliseconds: int) -> None:
    assert round(parse_duration(duration_text(milliseconds / 1000)) * 1000) == milliseconds


@pytest.mark.parametrize("text, size", [("1B", 1), ("64KiB", 65_536), ("1MiB", 1_048_576), ("2GiB", 2_147_483_648)])
def test_a_size_is_read_in_bytes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "64", "64KB", "64k", "-1B", "1.5MiB", "64 KiB", "64kib"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        parse_size(text)


@given(st.integers(min_value=0, max_value=2**45))
def test_a_size_survives_being_written_and_read(size: int) -> None:
    assert parse_size(size_text(size)) == size


def test_code_gives_seconds_and_bytes() -> None:
    assert TypeAdapter(Duration).validate_python(2) == 2.0
    assert TypeAdapter(Size).validate_python(512) == 512


@pytest.mark.parametrize("kind", [Duration, Size])
@pytest.mark.parametrize("value", [5, 5.0, True, None, [], "5"])
def test_a_file_must_say_the_unit(kind: Any, value: object) -> None:
    with pytest.raises(ValidationError, match=r"write e\.g\."):
        TypeAdapter(kind).validate_python(value, context=WRITTEN)


@pytest.mark.parametrize("text", ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "::1"])
def test_networks_are_addresses_or_ranges_of_them(text: str) -> None:
    assert TypeAdapter(Network).validate_python(text) == ip_network(text)


@pytest.mark.parametrize("value", ["10.0.0.0/33", "example.com", "", 10, None, True])
def test_what_is_no_network_is_refused(value: object) -> None:
    with pytest.raises(ValidationError, match=r"write e\.g\. 192\.0\.2\.7 or 10\.0\.0\.0/8"):
        TypeAdapter(Network).validate_python(value)


def test_a_network_with_host_bits_is_told_its_network() -> None:
    with pytest.raises(ValidationError, match=r"has host bits set; write 10\.0\.0\.0/8"):
        TypeAdapter(Network).validate_python("10.0.0.1/8")


@pytest.mark.parametrize("text, share", [("99.9%", 0.999), ("99%", 0.99), ("0.5%", 0.005), ("99.9999%", 0.999999)])
def test_a_share_is_read_in_percent_and_written_so_again(text: str, share: float) -> None:
    assert TypeAdapter(Share).validate_python(text, context=WRITTEN) == share
    assert share_text(share) == text


@pytest.mark.parametrize("value", ["100%", "0%", "99.9", 99.9, 0.999, "-1%", "99.9 %", True, None, "٩%"])
def test_what_is_no_share_is_refused(value: Any) -> None:
    with pytest.raises(ValidationError, match="is not a share below 100%"):
        TypeAdapter(Share).validate_python(value, context=WRITTEN)
