"""The base class of all sections of the configuration, and how to find a section by its path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo

from gateway.settings.problems import KeyPath


class Section(BaseModel):
    """A section of the configuration. It is immutable, and an unknown key is an error, so that a typing slip is found.

    The docstrings of fields go into the published schema and into `docs/configuration.md`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


def fields_at(root: type[BaseModel], key_path: KeyPath) -> Mapping[str, FieldInfo]:
    """The fields of the section at a path, by key; empty if there is no section."""
    section: type[BaseModel] = root
    parts = iter(key_path)
    for part in parts:
        field = section.model_fields.get(str(part))
        inner = None if field is None else next(_sections(field.annotation), None)
        if field is None or inner is None:
            return {}
        section = inner
        if get_origin(field.annotation) in (dict, tuple, list):
            next(parts, None)
    return section.model_fields


def _sections(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _sections(inner)
