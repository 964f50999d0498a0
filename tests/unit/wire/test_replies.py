from __future__ import annotations

from decimal import Decimal

import jiter
import pytest

from gateway.money import Money, money
from gateway.wire import replies

XAG = Money(Decimal(51800), "XAG")


def test_a_transfer_s_reply_is_the_contract_s() -> None:
    assert replies.transfer("1234abcd", XAG) == (
        b'{"mmTransactionId":"1234abcd","balance":{"amount":51800,"currencyCode":"XAG"}}'
    )


def test_a_balance_that_nobody_can_tell_is_left_out() -> None:
    assert replies.transfer("1234abcd", None) == b'{"mmTransactionId":"1234abcd"}'
    assert replies.player(token="t", player_id="p") == b'{"token":"t","playerId":"p"}'


def test_a_balance_is_answered_by_itself() -> None:
    assert replies.balance(XAG) == b'{"balance":{"amount":51800,"currencyCode":"XAG"}}'


def test_a_player_is_answered_with_what_is_known_and_nothing_else() -> None:
    assert replies.player(token="t", player_id="p", money=XAG) == (
        b'{"token":"t","playerId":"p","balance":{"amount":51800,"currencyCode":"XAG"}}'
    )
    assert replies.player(token="t", player_id="p", money=XAG, nickname="N", language="de", country="AT") == (
        b'{"token":"t","playerId":"p","nickname":"N","balance":{"amount":51800,"currencyCode":"XAG"},'
        b'"language":"de","country":"AT"}'
    )


@pytest.mark.parametrize(
    "amount",
    [
        "0",
        "0.1",
        "230",
        "-3.5",
        "1234567890123456.78",
        "99999999999999999999.99999999",
        "0.000000000001",
        "1" + 25 * "0",
    ],
)
def test_an_amount_goes_out_digit_for_digit(amount: str) -> None:
    reply = replies.balance(money(amount, "XAG"))
    assert reply == f'{{"balance":{{"amount":{amount},"currencyCode":"XAG"}}}}'.encode()
    assert jiter.from_json(reply, float_mode="decimal")["balance"]["amount"] == Decimal(amount)


def test_ids_and_currencies_that_json_must_escape_are_escaped() -> None:
    reply = jiter.from_json(replies.transfer('a"b\\c', Money(Decimal(1), 'X"')))
    assert (reply["mmTransactionId"], reply["balance"]["currencyCode"]) == ('a"b\\c', 'X"')


def test_a_launch_is_answered_with_its_url() -> None:
    assert replies.launch("https://game.example/?a=b&c") == b'{"url":"https://game.example/?a=b&c"}'
