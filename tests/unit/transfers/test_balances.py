from __future__ import annotations

from gateway.money import money
from gateway.records import Session
from gateway.transfers.balances import Balances


def test_only_so_many_players_are_remembered_each_with_the_balance_that_was_told_last() -> None:
    balances = Balances(capacity=2)
    players = [Session(operator="acme", token=f"t{number}", player_id=f"p{number}") for number in range(3)]
    for number, player in enumerate((*players, players[2])):
        balances.remember(player, money(number, "XAG"))
    assert [balances.last_known(player) for player in players] == [None, money(1, "XAG"), money(3, "XAG")]
