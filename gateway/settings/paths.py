"""Paths in which ``{name}`` stands for an operator's name: what matches them, and whether two can mean the same."""

from __future__ import annotations

import re
from typing import Final

NAME: Final = "{name}"


def path_pattern(template: str) -> re.Pattern[str]:
    """What matches the paths of a template, with the operator as the group `name`, whoever that is."""
    before, _, behind = template.partition(NAME)
    return re.compile(f"{re.escape(before)}(?P<name>[^/]*){re.escape(behind)}")


def path_start(template: str) -> re.Pattern[str]:
    """What matches the beginning of such paths, up to the operator as the group `name`."""
    return re.compile(f"{re.escape(template.partition(NAME)[0])}(?P<name>[^/]+)")


def can_be_same_path(one: str, other: str) -> bool:
    """Whether some names make the same path of both. Names hold no slash, so that this is told part by part."""
    parts, other_parts = one.split("/"), other.split("/")
    return len(parts) == len(other_parts) and all(map(_can_be_same_part, parts, other_parts))


def _can_be_same_part(one: str, other: str) -> bool:
    if NAME not in one and NAME not in other:
        return one == other
    if NAME not in other:
        one, other = other, one
    if NAME not in one:
        return path_pattern(other).fullmatch(one) is not None
    # Both have a name: there is a text with both beginnings and both ends where one of each pair contains the other.
    (before, _, behind), (other_before, _, other_behind) = one.partition(NAME), other.partition(NAME)
    begins = before.startswith(other_before) or other_before.startswith(before)
    return begins and (behind.endswith(other_behind) or other_behind.endswith(behind))
