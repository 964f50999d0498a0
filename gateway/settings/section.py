"""The base of every part of the configuration, and the way from one part to those within it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo

from gateway.settings.problems import KeyPath


class Section(BaseModel):
    """Immutable; an unknown key is an error, so that a typing slip is found. Docstrings of fields are what the
    published schema and `docs/configuration.md` say of them."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


def fields_at(root: type[BaseModel], place: KeyPath) -> Mapping[str, FieldInfo]:
    """The keys that may stand under a place; empty where there is no section."""
    section: type[BaseModel] = root
    parts = iter(place)
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
