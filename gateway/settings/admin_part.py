"""Reads only where the admin listener is: a health check must not fail over a secret or a mistake elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from gateway.settings.document import Document
from gateway.settings.listeners import AdminSettings
from gateway.settings.problems import Problem, SettingsError
from gateway.settings.values import WRITTEN

SECTION: Final = "admin"


def read_admin(text: str, file: str, environ: Mapping[str, str]) -> AdminSettings:
    """The admin listener's settings without its token, from the text of a configuration file. Raises `SettingsError`
    for what is wrong in them, or with the YAML as a whole; everything else may be wrong or missing."""
    document = Document(text, environ)
    own: Any = document.data.get(SECTION) if isinstance(document.data, dict) else None
    try:
        if document.data is None:
            raise SettingsError(Problem(file, mark, SECTION, text) for mark, _, text in document.faults)
        plain = {key: value for key, value in own.items() if key != "token"} if isinstance(own, dict) else own
        return AdminSettings() if plain is None else AdminSettings.model_validate(plain, context=WRITTEN)
    except ValidationError as error:
        raise SettingsError(
            Problem(file, document.mark((SECTION, *problem["loc"])), f"{SECTION}.{problem['loc'][0]}", problem["msg"])
            for problem in error.errors(include_url=False, include_input=False)
        ) from None
