"""An HTTP answer as a person pastes it into a file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from gateway.operators.adapter import HttpResponse
from gateway.settings.files import read_given_file

_STATUS_LINE: Final = re.compile(rb"HTTP/[0-9.]+ (?P<status>[0-9]{3})\b[^\n]*\n?", re.ASCII)
_END_OF_HEAD: Final = re.compile(rb"\r?\n\r?\n")
_OK: Final = 200


def read_answer(file: Path) -> HttpResponse:
    """The answer in this file, with line ends of either kind; a body alone came with status 200. Raises `OSError`."""
    content = read_given_file(file)
    found = _STATUS_LINE.match(content)
    if found is None:
        return HttpResponse(_OK, {}, content)
    head, *rest = _END_OF_HEAD.split(content, maxsplit=1)
    return HttpResponse(int(found["status"]), _headers(head[found.end() :]), rest[0] if rest else b"")


def _headers(lines: bytes) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines.decode("latin-1").splitlines():
        name, _, value = line.partition(":")
        key = name.strip().lower()
        headers[key] = f"{headers[key]}, {value.strip()}" if key in headers else value.strip()
    return headers
