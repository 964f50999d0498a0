"""Finding one's way in the configuration's own shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from gateway.settings.problems import Place


def fields_at(root: type[BaseModel], place: Place) -> Mapping[str, FieldInfo]:
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
