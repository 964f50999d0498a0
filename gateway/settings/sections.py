"""Finding one's way in the configuration's own shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin

from pydantic import BaseModel, SecretStr
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


def secrets_of(value: Any) -> Iterator[str]:
    """Every secret text inside a section, an adapter's settings, or a collection of them."""
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        yield from secrets_of(value.__dict__)
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from secrets_of(inner)
    elif isinstance(value, list | tuple | set | frozenset):  # not whatever can be walked: a network holds its addresses
        for inner in value:
            yield from secrets_of(inner)


def _sections(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _sections(inner)
