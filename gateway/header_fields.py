"""The forms in which HTTP writes what headers say (RFC 9110, section 5.6), read as widely as the standard allows."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_NAME: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED: Final = r'"(?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[^\x00-\x08\x0a-\x1f\x7f])*+"'
_PARAMETER: Final = rf"(?P<name>{_NAME})=(?P<value>{_NAME}|{_QUOTED})"
# Possessive, so that no header takes longer to read than it is long.
_PARAMETERS: Final = rf"(?:[ \t]*+;[ \t]*+(?:{_NAME}=(?:{_NAME}|{_QUOTED}))?+)*+"
_MEDIA_TYPE: Final = re.compile(rf"[ \t]*+(?P<type>{_NAME}/{_NAME})(?P<parameters>{_PARAMETERS})[ \t]*+")
_EACH_PARAMETER: Final = re.compile(rf";[ \t]*+{_PARAMETER}")
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)


class MediaType(NamedTuple):
    """A type and its parameters, each name in lower case, values as they are (RFC 9110, section 8.3.1)."""

    name: str
    parameters: tuple[tuple[str, str], ...]


def media_type(text: str) -> MediaType | None:
    """A media type as Content-Type names it; None if the text is not one."""
    match = _MEDIA_TYPE.fullmatch(text)
    if match is None:
        return None
    found = _EACH_PARAMETER.finditer(match["parameters"])
    return MediaType(match["type"].lower(), tuple((each["name"].lower(), _unquoted(each["value"])) for each in found))


def members(text: str) -> list[str]:
    """The members of a list of tokens, in lower case. Empty members mean nothing (RFC 9110, section 5.6.1)."""
    return [member for part in text.lower().split(",") if (member := part.strip(" \t"))]


def _unquoted(value: str) -> str:
    return _ESCAPED.sub(r"\1", value[1:-1]) if value.startswith('"') else value
