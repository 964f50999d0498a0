"""The OpenAPI 3.1 description of the wallet listener, made from the models that read and write its messages."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from pydantic import BaseModel

from gateway.wire.calls import WalletCall
from gateway.wire.replies import BalanceReply, ErrorReply, PlayerReply, TransferReply
from gateway.wire.requests import ConfirmRequest, HoldRequest, RollbackRequest, SessionRequest

_SCHEMAS: Final = "#/components/schemas/"

_MESSAGES: Final[dict[WalletCall, tuple[str, type[BaseModel], type[msgspec.Struct]]]] = {
    WalletCall.VERIFY_SESSION: ("Is the session alive, and whose is it?", SessionRequest, PlayerReply),
    WalletCall.GET_BALANCE: ("What is the player's balance?", SessionRequest, BalanceReply),
    WalletCall.WITHDRAW: ("Take money. Sent once, never repeated.", HoldRequest, TransferReply),
    WalletCall.CONFIRM_WITHDRAWAL: ("The withdraw is final.", ConfirmRequest, TransferReply),
    WalletCall.ROLLBACK_WITHDRAWAL: ("The withdraw is undone.", RollbackRequest, TransferReply),
    WalletCall.DEPOSIT: ("Give money. Sent once, never repeated.", HoldRequest, TransferReply),
    WalletCall.CONFIRM_DEPOSIT: ("The deposit is final.", ConfirmRequest, TransferReply),
    WalletCall.ROLLBACK_DEPOSIT: ("The deposit is undone.", RollbackRequest, TransferReply),
}
"""By call: its summary, the model of its body, and the model of its 200."""

_FAILURES: Final = {
    "400": "The message is not valid; the description names field, problem and remedy.",
    "401": "The credentials are missing or wrong.",
    "500": "The call did not succeed; the code says why.",
}

_ABOUT: Final = (
    "What the game sends to the operator's wallet. The credentials choose the operator; the same calls under "
    "`/operators/{name}/wallet/` name it in the path. Fields that are not named here are ignored."
)


def document() -> dict[str, Any]:
    """The whole document; `docs/openapi.yaml` is the same as text."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "The wallet listener of mm-gateway", "version": "1", "description": _ABOUT},
        "servers": [{"url": "http://localhost:8080"}],
        "security": [{"basic": []}],
        "paths": {f"/wallet/{call}": {"post": _operation(call)} for call in WalletCall},
        "components": {
            "securitySchemes": {"basic": {"type": "http", "scheme": "basic"}},
            "schemas": dict(sorted({**_request_schemas(), **_reply_schemas()}.items())),
        },
    }


def _operation(call: WalletCall) -> dict[str, Any]:
    purpose, request, reply = _MESSAGES[call]
    return {
        "operationId": str(call),
        "summary": purpose,
        "requestBody": {"required": True, **_json_content(request.__name__)},
        "responses": {
            "200": {"description": "Done.", **_json_content(reply.__name__)},
            **{
                status: {"description": text, **_json_content(ErrorReply.__name__)}
                for status, text in _FAILURES.items()
            },
        },
    }


def _json_content(schema: str) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": {"$ref": _SCHEMAS + schema}}}}


def _request_schemas() -> dict[str, Any]:
    schemas: dict[str, Any] = {}
    for model in {request for _, request, _ in _MESSAGES.values()}:
        schema = model.model_json_schema(ref_template=_SCHEMAS + "{model}")
        schemas |= schema.pop("$defs", {}) | {model.__name__: schema}
    return {name: _without_titles(schema) for name, schema in schemas.items()}


def _reply_schemas() -> dict[str, Any]:
    structs = [*{reply for _, _, reply in _MESSAGES.values()}, ErrorReply]
    _, schemas = msgspec.json.schema_components(structs, ref_template=_SCHEMAS + "{name}")
    return {name: _without_titles(schema) for name, schema in schemas.items()}


def _without_titles(schema: dict[str, Any]) -> dict[str, Any]:
    """Removes titles, which only repeat the names of classes and fields. A field that is called `title` stays."""
    fields = {name: _without_title(field) for name, field in schema["properties"].items()}
    return {**_without_title(schema), "properties": fields}


def _without_title(schema: dict[str, Any]) -> dict[str, Any]:
    return {key: part for key, part in schema.items() if key != "title"}
