"""The base of every part of the configuration."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Immutable; an unknown key is an error, so that a typing slip is found. Docstrings of fields are what the
    published schema and `docs/configuration.md` say of them."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
