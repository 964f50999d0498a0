from __future__ import annotations

from gateway.wire.calls import WalletCall


def test_the_calls_are_the_contract_s_eight() -> None:
    assert [str(call) for call in WalletCall] == [
        "verifySession",
        "getBalance",
        "withdraw",
        "confirmWithdrawal",
        "rollbackWithdrawal",
        "deposit",
        "confirmDeposit",
        "rollbackDeposit",
    ]
