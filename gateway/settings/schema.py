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


def json_schema(adapters: Mapping[str, type[BaseModel]], payment_formats: Mapping[str, type[BaseModel]] = {}) -> Schema:
    """The schema of the whole file. `adapters` and `payment_formats` are the models of the plugins' own `settings`, by
    name."""
    schema = Settings.model_json_schema(schema_generator=_Untitled)
    definitions: Schema = schema.pop("$defs")
    for name, settings in sorted(adapters.items()):
        _add_plugin(definitions, "OperatorSettings", "adapter", name, settings)
    for name, settings in sorted(payment_formats.items()):
        _add_plugin(definitions, "PaymentSettings", "format", name, settings)
    converted = {key: _as_in_file(definition) for key, definition in definitions.items()}
    whole: Schema = {"$schema": DIALECT}
    whole.update(_as_in_file(schema))
    whole["$defs"] = {**dict(sorted(converted.items())), "Reference": REFERENCE}
    return whole


def _add_plugin(definitions: Schema, section: str, key: str, name: str, settings: type[BaseModel]) -> None:
    """The `settings` of a section whose `key` names this plugin, or is left out and has it as its default."""
    label = name if key == "adapter" else f"{key}.{name}"
    own = settings.model_json_schema(schema_generator=_Untitled, ref_template=f"#/$defs/{label}.{{model}}")
    definitions.update({f"{label}.{inner_name}": inner for inner_name, inner in own.pop("$defs", {}).items()})
    definitions[label] = own
    is_default = definitions[section]["properties"][key].get("default") == name
    condition = {"properties": {key: {"const": name}}, **({} if is_default else {"required": [key]})}
    definitions[section].setdefault("allOf", []).append(
        {"if": condition, "then": {"properties": {"settings": {"$ref": f"#/$defs/{label}"}}}}
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
