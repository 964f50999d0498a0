"""References in a configuration: ``${NAME}``, ``${NAME:-default}`` and ``${file:/run/secrets/x}``.

A file of systemd's credentials (``/run/credentials/UNIT/NAME``) is looked for in ``$CREDENTIALS_DIRECTORY`` first:
systemd keeps it for the running service alone, so that commands are given the folder that it comes from.

``$$`` stands for one ``$``; a ``$`` before anything else is itself. A value that was put in is not searched for
further references: a password may contain ``${``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gateway.settings.files import MAX_FILE, as_text, read_file

_REFERENCE: Final = re.compile(r"\$\$|\$\{(?P<inner>[^}]*)(?P<end>\}?)")
_CREDENTIAL: Final = re.compile(r"/run/credentials/[^/]+/(?P<name>[^/]+)")
_VARIABLE: Final = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>.*))?", re.DOTALL)


class InterpolationError(ValueError):
    """A reference that cannot be resolved. The text says which and what to do, and never contains a value."""


def refers(text: str) -> bool:
    """Whether the text contains a reference; ``$$`` is not one."""
    return any(match["inner"] is not None for match in _REFERENCE.finditer(text))


def file_of(reference: str, environ: Mapping[str, str]) -> str | None:
    """The path of the file that a reference such as ``${file:/run/secrets/x}`` is read from; None for any other."""
    match = _REFERENCE.fullmatch(reference)
    if match is None or not (match["inner"] or "").startswith("file:"):
        return None
    return _credential_place(match["inner"].removeprefix("file:"), environ)[0]


def interpolate(text: str, environ: Mapping[str, str], references: dict[str, str]) -> str:
    """Replaces every reference by its value, and enters the value and its reference into `references`.

    Raises `InterpolationError`, also where the values have more than `MAX_FILE` characters together.
    """
    put_in = 0

    def value_of(match: re.Match[str]) -> str:
        if match["inner"] is None:
            return "$"
        nonlocal put_in
        value = _value(match, environ)
        put_in += len(value)
        if put_in > MAX_FILE:
            raise InterpolationError("the values that are put in here are longer than 1 MiB together; shorten them")
        references[value] = match[0]
        return value

    return _REFERENCE.sub(value_of, text)


def _value(match: re.Match[str], environ: Mapping[str, str]) -> str:
    inner = match["inner"]
    if not match["end"]:
        raise InterpolationError('"${" is not closed; write "}" behind the name, or "$$" for a "$" itself')
    if inner.startswith("file:"):
        return _read(inner.removeprefix("file:"), environ)
    return _variable(inner, environ)


def _variable(inner: str, environ: Mapping[str, str]) -> str:
    match = _VARIABLE.fullmatch(inner)
    if match is None:
        raise InterpolationError('"${…}" must name an environment variable or, as ${file:/path}, a file')
    name, default = match["name"], match["default"]
    if default is not None:
        return environ.get(name) or default  # as in a shell, `:-` also stands in for an empty variable
    if name not in environ:
        raise InterpolationError(f"the environment variable {name} is not set; set it, or write ${{{name}:-default}}")
    return environ[name]


def _read(path: str, environ: Mapping[str, str]) -> str:
    place, remedy = _credential_place(path, environ)
    try:
        text = as_text(read_file(Path(place)))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InterpolationError(f"the file {place} cannot be read: {why}{remedy}") from None
    # Secret files usually end with a line break that is not part of the secret.
    return text.removesuffix("\n").removesuffix("\r")


def _credential_place(path: str, environ: Mapping[str, str]) -> tuple[str, str]:
    """Where the file is to be read, and what to do if it cannot be."""
    match = _CREDENTIAL.fullmatch(path)
    folder = environ.get("CREDENTIALS_DIRECTORY")
    if match is None or folder:
        return (path if match is None else f"{folder}/{match['name']}"), ""
    return path, (
        "; systemd keeps it for the running service alone: set CREDENTIALS_DIRECTORY to the folder that the unit's "
        "LoadCredential= takes it from"
    )
