"""OpenAPI 3.1 descriptions of the listeners for calls, made from the models that read and write its messages."""

from __future__ import annotations

from collections.abc import Collection
from copy import deepcopy
from typing import Any, Final, NamedTuple

import msgspec
from pydantic import BaseModel

from gateway.settings import PathSettings
from gateway.settings.values import NAME_PATTERN
from gateway.wire.calls import InboundCall, WalletCall
from gateway.wire.replies import BalanceReply, ErrorReply, FinalStateReply, LaunchReply, PlayerReply, TransferReply
from gateway.wire.requests import (
    ConfirmRequest,
    HoldRequest,
    LaunchRequest,
    QueryRequest,
    RollbackRequest,
    SessionRequest,
)

_SCHEMAS: Final = "#/components/schemas/"
_REQUEST_ID: Final = (
    "Names the call in logs, traces and the audit stream: 1 to 128 letters, digits and ._~:/+=@-. The answer has the "
    "caller's own, or one that is made here."
)


class _Message(NamedTuple):
    """A call: its summary, the model of its body, and the model of its 200."""

    purpose: str
    request: type[BaseModel]
    reply: type[msgspec.Struct]


_MESSAGES: Final[dict[WalletCall, _Message]] = {
    WalletCall.VERIFY_SESSION: _Message("Is the session alive, and whose is it?", SessionRequest, PlayerReply),
    WalletCall.GET_BALANCE: _Message("What is the player's balance?", SessionRequest, BalanceReply),
    WalletCall.WITHDRAW: _Message("Take money. Sent once, never repeated.", HoldRequest, TransferReply),
    WalletCall.CONFIRM_WITHDRAWAL: _Message("The withdraw is final.", ConfirmRequest, TransferReply),
    WalletCall.ROLLBACK_WITHDRAWAL: _Message("The withdraw is undone.", RollbackRequest, TransferReply),
    WalletCall.DEPOSIT: _Message("Give money. Sent once, never repeated.", HoldRequest, TransferReply),
    WalletCall.CONFIRM_DEPOSIT: _Message("The deposit is final.", ConfirmRequest, TransferReply),
    WalletCall.ROLLBACK_DEPOSIT: _Message("The deposit is undone.", RollbackRequest, TransferReply),
}
"""The game's calls."""

_FAILURES: Final = {
    "400": "The message is not valid; the description names field, problem and remedy.",
    "401": "The credentials are missing or wrong.",
    "500": "The call did not succeed; the code says why.",
}

_ABOUT: Final = (
    "What the game sends to the operator's wallet. The credentials choose the operator; the same calls under "
    "`/operators/{name}/wallet/` name it in the path. Fields that are not named here are ignored."
)


_OPERATORS_MESSAGES: Final[dict[InboundCall, _Message]] = {
    InboundCall.QUERY_WITHDRAWAL: _Message("What became of a withdrawal?", QueryRequest, FinalStateReply),
    InboundCall.QUERY_DEPOSIT: _Message("What became of a deposit?", QueryRequest, FinalStateReply),
    InboundCall.LAUNCH: _Message("Where does the game's client open, for this player?", LaunchRequest, LaunchReply),
}
"""The same for operators' calls."""

_ABOUT_OPERATORS: Final = (
    "What an operator sends to the gateway; `{name}` is the operator's name there. The paths are the usual ones, and "
    "each is a setting. Other fields are ignored in a query, and refused in a launch. The callback of a "
    "payment has the form of the payment system, and is not described here. docs/calls-from-operators.md explains it."
)


def document() -> dict[str, Any]:
    """The whole document; `docs/openapi.yaml` is the same as text."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "The wallet listener of mm-gateway", "version": "1", "description": _ABOUT},
        "servers": [{"url": "http://localhost:8080"}],
        "security": [{"basic": []}],
        "paths": {f"/wallet/{call}": {"post": _operation(call, _MESSAGES[call])} for call in WalletCall},
        "components": {
            "securitySchemes": {"basic": {"type": "http", "scheme": "basic"}},
            **_request_id(),
            "schemas": _schemas(_MESSAGES.values()),
        },
    }


def operators_document() -> dict[str, Any]:
    """What describes the listener that operators call; `docs/openapi-operators.yaml` is the same as text."""
    usual = PathSettings()
    paths = {
        InboundCall.QUERY_WITHDRAWAL: usual.query_withdrawal,
        InboundCall.QUERY_DEPOSIT: usual.query_deposit,
        InboundCall.LAUNCH: usual.launch,
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "The operators' listener of mm-gateway", "version": "1", "description": _ABOUT_OPERATORS},
        "servers": [{"url": "http://localhost:8081"}],
        "security": [{"basic": []}, {"bearer": []}],
        "paths": {
            paths[call]: {"parameters": [_name()], "post": _operation(call, message)}
            for call, message in _OPERATORS_MESSAGES.items()
        },
        "components": {
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
            **_request_id(),
            "schemas": _schemas(_OPERATORS_MESSAGES.values()),
        },
    }


def _name() -> dict[str, Any]:
    return {"name": "name", "in": "path", "required": True, "schema": {"type": "string", "pattern": NAME_PATTERN}}


def _request_id() -> dict[str, Any]:
    """The header of calls, and that of answers."""
    shape = {"description": _REQUEST_ID, "schema": {"type": "string"}}
    sent = {"name": "X-Request-ID", "in": "header", **deepcopy(shape)}
    return {"parameters": {"RequestId": sent}, "headers": {"RequestId": shape}}


def _operation(call: str, message: _Message) -> dict[str, Any]:
    return {
        "operationId": str(call),
        "summary": message.purpose,
        "parameters": [{"$ref": "#/components/parameters/RequestId"}],
        "requestBody": {"required": True, **_json_content(message.request.__name__)},
        "responses": {
            "200": _answer("Done.", message.reply.__name__),
            **{status: _answer(text, ErrorReply.__name__) for status, text in _FAILURES.items()},
        },
    }


def _answer(text: str, schema: str) -> dict[str, Any]:
    headers = {"X-Request-ID": {"$ref": "#/components/headers/RequestId"}}
    return {"description": text, "headers": headers, **_json_content(schema)}


def _json_content(schema: str) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": {"$ref": _SCHEMAS + schema}}}}


def _schemas(messages: Collection[_Message]) -> dict[str, Any]:
    return dict(sorted({**_request_schemas(messages), **_reply_schemas(messages)}.items()))


def _request_schemas(messages: Collection[_Message]) -> dict[str, Any]:
    schemas: dict[str, Any] = {}
    for model in {message.request for message in messages}:
        schema = model.model_json_schema(ref_template=_SCHEMAS + "{model}")
        schemas |= schema.pop("$defs", {}) | {model.__name__: schema}
    return {name: _without_titles(schema) for name, schema in schemas.items()}


def _reply_schemas(messages: Collection[_Message]) -> dict[str, Any]:
    structs = [*{message.reply for message in messages}, ErrorReply]
    _, schemas = msgspec.json.schema_components(structs, ref_template=_SCHEMAS + "{name}")
    return {name: _without_titles(schema) for name, schema in schemas.items()}


def _without_titles(schema: dict[str, Any]) -> dict[str, Any]:
    """Removes titles, which only repeat the names of classes and fields. A field that is called `title` stays."""
    if "properties" not in schema:
        return _without_title(schema)
    fields = {name: _without_title(field) for name, field in schema["properties"].items()}
    return {**_without_title(schema), "properties": fields}


def _without_title(schema: dict[str, Any]) -> dict[str, Any]:
    return {key: part for key, part in schema.items() if key != "title"}
