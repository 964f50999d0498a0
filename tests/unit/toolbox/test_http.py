from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from gateway.toolbox import BaseUrl, Url


@pytest.mark.parametrize(
    "url",
    ["https://wallet.example/", "HTTP://wallet.example:8080/a/", "https://[::1]/", "https://wallet.example/?to=/"],
)
def test_an_address_is_everything_before_the_endpoints_name(url: str) -> None:
    assert TypeAdapter(BaseUrl).validate_python(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "ftp://wallet.example/",
        "https:///",
        "https://wallet.example",
        "https://mm:secret@wallet.example/",
        "https://wallet.example/#/",
        "https://wallet.example:99999/",
        "https://wallet.example:port/",
        "https://wället.example/",
        "https://wallet.example\n/",
        "https://wallet example/",
        " https://wallet.example/",
    ],
)
def test_an_address_that_no_call_could_reach_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(BaseUrl).validate_python(url)
    assert "secret" not in refused.value.errors()[0]["msg"]


@pytest.mark.parametrize("url", ["https://wallet.example/", "https://wallet.example/api/callback.php"])
def test_the_one_address_of_all_calls_needs_no_slash_at_its_end(url: str) -> None:
    assert TypeAdapter(Url).validate_python(url) == url


@pytest.mark.parametrize(
    "url", ["callback.php", "https://mm:secret@wallet.example/callback", "https://wallet.example/#x"]
)
def test_the_one_address_of_all_calls_must_be_one_that_a_call_could_reach(url: str) -> None:
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(Url).validate_python(url)
    assert "secret" not in refused.value.errors()[0]["msg"]
