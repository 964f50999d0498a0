from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.records import QueriedState
from gateway.settings import PathSettings
from gateway.wire.calls import WalletCall
from gateway.wire.errors import ErrorCode
from gateway.wire.openapi import document, operators_document

DOCS = Path(__file__).parents[3] / "docs"
REFERENCE = re.compile(r"'\$ref': '#/components/schemas/(\w+)'")


def operation(call: WalletCall) -> Any:
    return document()["paths"][f"/wallet/{call}"]["post"]


def test_the_calls_are_described_and_nothing_else() -> None:
    assert list(document()["paths"]) == [f"/wallet/{call}" for call in WalletCall]


@pytest.mark.parametrize("call", WalletCall)
def test_every_answer_of_the_contract_is_described(call: WalletCall) -> None:
    assert set(operation(call)["responses"]) == {"200", *(str(code.status) for code in ErrorCode)}


@pytest.mark.parametrize("described", [document(), operators_document()], ids=["wallet", "operators"])
def test_a_call_may_name_its_request_and_every_answer_names_it(described: Any) -> None:
    for path in described["paths"].values():
        assert path["post"]["parameters"] == [{"$ref": "#/components/parameters/RequestId"}]
        for answer in path["post"]["responses"].values():
            assert answer["headers"] == {"X-Request-ID": {"$ref": "#/components/headers/RequestId"}}
    (sent,) = described["components"]["parameters"].values()
    assert (sent["name"], sent["in"], "required" in sent) == ("X-Request-ID", "header", False)
    assert "1 to 128 letters" in described["components"]["headers"]["RequestId"]["description"]


@pytest.mark.parametrize("described", [document(), operators_document()], ids=["wallet", "operators"])
def test_every_message_that_is_referred_to_is_described_and_every_description_is_used(described: Any) -> None:
    assert set(REFERENCE.findall(str(described))) == set(described["components"]["schemas"])


@pytest.mark.parametrize("call", [WalletCall.ROLLBACK_WITHDRAWAL, WalletCall.ROLLBACK_DEPOSIT])
def test_a_rollback_needs_no_amount_and_takes_any_reason(call: WalletCall) -> None:
    assert "RollbackRequest" in str(operation(call)["requestBody"])
    rollback = document()["components"]["schemas"]["RollbackRequest"]
    assert set(rollback["required"]) == {"token", "mmTransactionId"}
    assert "type" not in rollback["properties"]["rollbackReason"]


def test_what_only_informs_may_be_anything() -> None:
    hold = document()["components"]["schemas"]["HoldRequest"]
    assert set(hold["required"]) == {"token", "mmTransactionId", "amount"}
    assert "type" not in hold["properties"]["txDescription"]


@pytest.mark.parametrize("reply", ["TransferReply", "PlayerReply"])
def test_a_balance_may_be_left_out_but_is_never_null(reply: str) -> None:
    schema = document()["components"]["schemas"][reply]
    assert "balance" not in schema["required"]
    assert schema["properties"]["balance"]["$ref"] == "#/components/schemas/Balance"
    assert schema["properties"]["balance"]["description"].startswith("Left out in the rare case that neither")


def test_money_is_a_number_going_out_and_a_number_or_a_text_that_holds_one_coming_in() -> None:
    schemas = document()["components"]["schemas"]
    assert schemas["Balance"]["properties"]["amount"] == {"type": "number"}
    assert [one["type"] for one in schemas["Amount"]["properties"]["amount"]["anyOf"]] == ["number", "string"]


def test_the_published_document_is_the_programs() -> None:
    published = yaml.safe_load((DOCS / "openapi.yaml").read_text(encoding="utf-8"))
    assert published == document(), "mm-gateway schema --openapi > docs/openapi.yaml"


def test_the_published_document_for_operators_is_the_programs() -> None:
    published = yaml.safe_load((DOCS / "openapi-operators.yaml").read_text(encoding="utf-8"))
    assert published == operators_document(), "mm-gateway schema --operators-openapi > docs/openapi-operators.yaml"


def test_every_path_for_operators_is_one_of_the_settings_and_names_the_operator() -> None:
    usual = PathSettings().model_dump().values()
    assert set(operators_document()["paths"]) <= set(usual)
    assert all(item["parameters"][0]["name"] == "name" for item in operators_document()["paths"].values())


def test_of_a_final_state_only_what_is_always_known_is_needed_and_nothing_is_ever_null() -> None:
    schemas = operators_document()["components"]["schemas"]
    assert schemas["FinalStateReply"]["required"] == ["mmTransactionId", "direction", "state"]
    assert "null" not in str(schemas["FinalStateReply"])
    assert schemas["QueriedState"]["enum"] == sorted(QueriedState)
    assert schemas["FinalStateReply"]["properties"]["amount"]["type"] == "number"
