from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from gateway.toolbox import BaseUrl


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
