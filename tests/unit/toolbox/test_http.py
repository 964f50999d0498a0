from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from gateway.operators.adapter import HttpResponse
from gateway.operators.errors import RetryLater, Unclear
from gateway.toolbox import BaseUrl, Url, http_error


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


SENT = {"date": "Sun, 06 Nov 1994 08:49:37 GMT"}


@pytest.mark.parametrize(
    "headers, after_s",
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 7 "}, 7.0),
        (SENT | {"retry-after": "Sun, 06 Nov 1994 08:50:07 GMT"}, 30.0),
        (SENT | {"retry-after": "Sunday, 06-Nov-94 08:50:07 GMT"}, 30.0),
        (SENT | {"retry-after": "Sun Nov  6 08:50:07 1994"}, 30.0),
        (SENT | {"retry-after": "Sun, 06 Nov 1994 08:00:00 GMT"}, 0.0),
    ],
)
def test_a_busy_operator_names_its_time_in_seconds_or_as_a_date_of_its_own_clock(
    headers: dict[str, str], after_s: float
) -> None:
    error = http_error(HttpResponse(503, headers, b""))
    assert isinstance(error, RetryLater)
    assert error.after_s == after_s


@pytest.mark.parametrize(
    "headers",
    [
        {"retry-after": "Sun, 06 Nov 1994 08:50:07 GMT"},
        SENT | {"retry-after": "soon"},
        SENT | {"retry-after": ""},
        SENT | {"retry-after": "-1"},
        {"date": "yesterday", "retry-after": "Sun, 06 Nov 1994 08:50:07 GMT"},
        SENT | {"retry-after": "Sun, 99 Nov 1994 08:50:07 GMT"},
    ],
)
def test_a_time_that_cannot_be_read_leaves_it_to_the_schedule(headers: dict[str, str]) -> None:
    error = http_error(HttpResponse(503, headers, b""))
    assert type(error) is Unclear
