"""Types of the values in a configuration: durations, sizes, networks, names.

An error's text is the end of a sentence that begins with the value ("is not a duration; …"). So the code that reports
it decides whether the value may be shown (`messages.py`).
"""

from __future__ import annotations

import re
from decimal import Decimal
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, SecretStr, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

WRITTEN: Final = "written"
"""Validation context of values from a file. There a duration or size needs a unit, since a bare number does not show
which one is meant. Code gives seconds and bytes."""

_SECONDS: Final = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600), "d": Decimal(86400)}
_BYTES: Final = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}

DURATION_PATTERN: Final = r"^(\d+(\.\d+)?(ms|s|m|h|d))+$"
SIZE_PATTERN: Final = r"^\d+(B|KiB|MiB|GiB)$"
SHARE_PATTERN: Final = r"^\d{1,2}(\.\d+)?%$"
NAME_PATTERN: Final = r"^[a-z0-9_-]{1,64}$"
USERNAME_PATTERN: Final = r"^[^:\x00-\x1f\x7f]*$"
_PATH_CHARACTER: Final = r"[A-Za-z0-9._~!$&'()*+,;=:@/-]"
"""What a path is made of (RFC 3986, section 3.3), without what is percent-encoded: that has several spellings."""

FIXED_PATH_PATTERN: Final = rf"^/{_PATH_CHARACTER}*$"
PATH_TEMPLATE_PATTERN: Final = rf"^/{_PATH_CHARACTER}*\{{name\}}{_PATH_CHARACTER}*$"
_DURATION_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", re.ASCII)
_SIZE_PARTS: Final = re.compile(r"(\d+)(B|KiB|MiB|GiB)", re.ASCII)


def parse_duration(text: str) -> float:
    """Seconds: ``1h30m`` is 5400.0, ``250ms`` 0.25. Raises `ValueError`."""
    if not re.fullmatch(DURATION_PATTERN, text, re.ASCII):
        raise ValueError(text)
    # Decimal, so that 0.1s + 0.2s is 0.3 and `duration_text` gives the same text again.
    return float(sum(Decimal(number) * _SECONDS[unit] for number, unit in _DURATION_PART.findall(text)))


def duration_text(seconds: float) -> str:
    """The inverse of `parse_duration`, in the largest units that fit: 5400.0 is ``1h30m``."""
    left = round(seconds * 1000)
    parts = []
    for unit in ("d", "h", "m", "s", "ms"):
        count, left = divmod(left, int(_SECONDS[unit] * 1000))
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def share_text(share: float) -> str:
    """A share as it is written in a file: 0.999 is ``99.9%``."""
    return f"{Decimal(str(share)) * 100:.10f}".rstrip("0").rstrip(".") + "%"


def parse_size(text: str) -> int:
    """Bytes: ``64KiB`` is 65536. Raises `ValueError`."""
    match = _SIZE_PARTS.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return int(match[1]) * _BYTES[match[2]]


def size_text(size: int) -> str:
    """The inverse of `parse_size`, in the largest unit that divides it: 65536 is ``64KiB``."""
    unit = next(name for name, factor in reversed(_BYTES.items()) if size % factor == 0 and (size or factor == 1))
    return f"{size // _BYTES[unit]}{unit}"


def _duration(value: Any, info: ValidationInfo) -> Any:
    if _is_number(value) and info.context != WRITTEN:
        return value
    try:
        return parse_duration(value)
    except (TypeError, ValueError):
        raise PydanticCustomError("duration", "is not a duration; write e.g. 5s, 250ms or 1h30m") from None


def _size(value: Any, info: ValidationInfo) -> Any:
    if _is_number(value) and info.context != WRITTEN:
        return value
    try:
        return parse_size(value)
    except (TypeError, ValueError):
        raise PydanticCustomError("size", "is not a size; write e.g. 64KiB or 1MiB") from None


def _share(value: Any, info: ValidationInfo) -> Any:
    if _is_number(value) and info.context != WRITTEN:
        return value
    # 100% would allow no bad call at all: nothing can be divided by what is left.
    if isinstance(value, str) and re.fullmatch(SHARE_PATTERN, value, re.ASCII) and Decimal(value[:-1]):
        return float(Decimal(value[:-1]) / 100)
    raise PydanticCustomError("share", "is not a share below 100%; write e.g. 99.9%")


def _network(value: Any) -> Any:
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    try:
        return ip_network(value, strict=True) if isinstance(value, str) else _refuse_network()
    except ValueError as error:
        if "host bits" in str(error):
            whole = ip_network(value, strict=False)
            raise PydanticCustomError("network", f"has host bits set; write {whole} for the network") from None
        return _refuse_network()


def _refuse_network() -> Any:
    raise PydanticCustomError("network", "is not an address or network; write e.g. 192.0.2.7 or 10.0.0.0/8")


def _name(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(NAME_PATTERN, value):
        return value
    raise PydanticCustomError("name", "is not a name; use 1 to 64 of a-z, 0-9, - and _")


def _username(value: Any) -> Any:
    if not isinstance(value, str) or re.fullmatch(USERNAME_PATTERN, value):
        return value
    raise PydanticCustomError("username", "must not contain : or control characters")


def _path_template(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(PATH_TEMPLATE_PATTERN, value):
        return value
    text = "is not a path with the operator's name in it; begin with / and write {name} once, as in /operators/{name}/x"
    raise PydanticCustomError("path", text)


def _fixed_path(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(FIXED_PATH_PATTERN, value):
        return value
    raise PydanticCustomError("path", "is not a path; begin with /, as in /pay/quantum, without {name}, ? or #")


def _is_number(value: Any) -> bool:
    # In Python a bool is an int; `timeout: true` must not be one second.
    return isinstance(value, int | float) and not isinstance(value, bool)


def _schema(pattern: str, *examples: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, "examples": list(examples)})


Duration = Annotated[
    float, BeforeValidator(_duration), Field(ge=0, allow_inf_nan=False), _schema(DURATION_PATTERN, "5s", "250ms")
]
"""Seconds; in a file written with units (``5s``)."""

Timeout = Annotated[Duration, Field(gt=0)]
"""A duration greater than 0."""

Share = Annotated[float, BeforeValidator(_share), Field(gt=0, lt=1), _schema(SHARE_PATTERN, "99.9%", "99%")]
"""A share below the whole, between 0 and 1; in a file written in percent (``99.9%``)."""

Size = Annotated[int, BeforeValidator(_size), Field(gt=0), _schema(SIZE_PATTERN, "64KiB", "1MiB")]
"""Bytes; in a file written with a unit (``64KiB``)."""

Network = Annotated[
    IPv4Network | IPv6Network,
    BeforeValidator(_network),
    WithJsonSchema({"type": "string", "examples": ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"]}),
]
"""An address or a range of them, e.g. ``10.0.0.0/8``."""

Name = Annotated[str, BeforeValidator(_name), _schema(NAME_PATTERN, "acme")]
"""A name that is safe in a URL path, a metric's label and a file name."""

Username = Annotated[
    str,
    Field(min_length=1),
    BeforeValidator(_username),
    WithJsonSchema({"type": "string", "minLength": 1, "pattern": USERNAME_PATTERN}),
]
"""A user name for HTTP Basic, which must not contain a colon or control characters (RFC 7617 section 2)."""

PathTemplate = Annotated[
    str, BeforeValidator(_path_template), _schema(PATH_TEMPLATE_PATTERN, "/operators/{name}/launch")
]
"""The path of a URL, in which ``{name}`` stands for an operator's name."""

FixedPath = Annotated[str, BeforeValidator(_fixed_path), _schema(FIXED_PATH_PATTERN, "/pay/quantum")]
"""The path of a URL."""

Secret = Annotated[SecretStr, Field(min_length=1)]
"""A secret, never shown. It must not be empty: an empty one usually comes from a variable that was not set."""

Port = Annotated[int, Field(ge=0, le=65535)]
"""A TCP port; 0 lets the system choose one."""
