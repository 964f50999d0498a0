"""The configuration's JSON Schema, for editors: durations and sizes are texts, and any value may be a reference.

The dialect is JSON Schema 2020-12.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from gateway.settings.models import Settings
from gateway.settings.values import DURATION_PATTERN, SHARE_PATTERN, SIZE_PATTERN, duration_text, share_text, size_text

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
REFERENCE: Final = {
    "description": "A value from elsewhere: ${NAME}, ${NAME:-default} or ${file:/path}.",
    "type": "string",
    "pattern": r"\$\{[^}]+\}",
}
_ANNOTATIONS: Final = ("description", "default", "examples")
_TEXTS: Final = {DURATION_PATTERN: duration_text, SHARE_PATTERN: share_text, SIZE_PATTERN: size_text}

Schema = dict[str, Any]


class _Untitled(GenerateJsonSchema):
    """Leaves out titles, which only repeat the keys."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False if schema else super().field_title_should_be_set(schema)


def json_schema(adapters: Mapping[str, type[BaseModel]]) -> Schema:
    """The schema of the whole file. `adapters` are the models of the adapters' own `settings`, by name."""
    schema = Settings.model_json_schema(schema_generator=_Untitled)
    definitions: Schema = schema.pop("$defs")
    for name, settings in sorted(adapters.items()):
        _add_adapter(definitions, name, settings)
    converted = {key: _as_in_file(definition) for key, definition in definitions.items()}
    whole: Schema = {"$schema": DIALECT}
    whole.update(_as_in_file(schema))
    whole["$defs"] = {**dict(sorted(converted.items())), "Reference": REFERENCE}
    return whole


def _add_adapter(definitions: Schema, name: str, settings: type[BaseModel]) -> None:
    own = settings.model_json_schema(schema_generator=_Untitled, ref_template=f"#/$defs/{name}.{{model}}")
    definitions.update({f"{name}.{key}": inner for key, inner in own.pop("$defs", {}).items()})
    definitions[name] = own
    definitions["OperatorSettings"].setdefault("allOf", []).append(
        {
            "if": {"properties": {"adapter": {"const": name}}, "required": ["adapter"]},
            "then": {"properties": {"settings": {"$ref": f"#/$defs/{name}"}}},
        }
    )


def _as_in_file(schema: Any) -> Any:
    """The same schema, for values as they are written in a file."""
    if not isinstance(schema, dict):
        return schema
    converted = {key: _part_in_file(key, value) for key, value in schema.items() if key != "title"}
    if "default" in converted:
        converted["default"] = _default_text(converted)
        if isinstance(converted["default"], dict) or converted["default"] is None:
            del converted["default"]
    return _or_reference(converted) if _is_strict_scalar(converted) else converted


def _part_in_file(key: str, value: Any) -> Any:
    if key in ("properties", "$defs"):
        return {name: _as_in_file(each) for name, each in value.items()}
    if key in ("anyOf", "allOf", "oneOf", "prefixItems"):
        return [_as_in_file(each) for each in value]
    if key in ("items", "additionalProperties"):
        return _as_in_file(value)
    return " ".join(value.split()) if key == "description" else value


def _default_text(schema: Schema) -> Any:
    """A default as it would be written in a file."""
    scalars = {"pattern": None, **schema.get("items", schema)}
    for branch in scalars.get("anyOf", ()):
        scalars = {**branch, **scalars, "pattern": scalars["pattern"] or branch.get("pattern")}
    text = _TEXTS.get(scalars["pattern"])
    default = schema["default"]
    if text is None:
        return default
    return [text(each) for each in default] if isinstance(default, list | tuple) else text(default)


def _is_strict_scalar(schema: Schema) -> bool:
    """Whether the schema would refuse the text of a reference."""
    kind = schema.get("type")
    return kind in ("integer", "number", "boolean") or (kind == "string" and bool({"pattern", "enum"} & schema.keys()))


def _or_reference(schema: Schema) -> Schema:
    annotations = {key: schema.pop(key) for key in _ANNOTATIONS if key in schema}
    return annotations | {"anyOf": [schema, {"$ref": "#/$defs/Reference"}]}
