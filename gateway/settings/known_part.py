"""Reads what says where a gateway and its journals are, from a file whose rest cannot be used: whoever is called
because of a broken configuration must still be able to look."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from gateway.settings.document import Document
from gateway.settings.loader import file_text
from gateway.settings.models import Settings
from gateway.settings.problems import KeyPath, Mark, Problem, SettingsError
from gateway.settings.values import WRITTEN

SECTIONS: Final = ("admin", "journal", "journals", "abandoned_after")
_TOKEN: Final = ("admin", "token")


def read_known_part(path: Path, environ: Mapping[str, str]) -> Settings:
    """The settings with these sections alone. A token that cannot be read is left out, and so are operators. Raises
    `SettingsError` if one of the sections cannot be used."""
    document = Document(file_text(path), environ, _may_lack)
    data: Any = document.data
    known = {name: data[name] for name in SECTIONS if name in data} if isinstance(data, dict) else None
    if known is None or any(key_path[:1] == (name,) for _, key_path, _ in document.faults for name in SECTIONS):
        raise SettingsError(Problem(str(path), mark, "", text) for mark, _, text in document.faults)
    if _TOKEN in document.lacking:
        known["admin"] = {name: value for name, value in known["admin"].items() if name != _TOKEN[-1]}
    try:
        return Settings.model_validate(known, context=WRITTEN)
    except ValidationError as error:
        raise SettingsError(
            Problem(str(path), Mark(1, 1), ".".join(map(str, each["loc"])), each["msg"])
            for each in error.errors(include_url=False, include_input=False)
        ) from None


def _may_lack(key_path: KeyPath) -> bool:
    return key_path[:1] not in {("journal",), ("journals",)}
