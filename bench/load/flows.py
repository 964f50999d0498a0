"""The game's requests, as bytes that are ready but for the transfer's id.

balance    getBalance
rollback   rollbackWithdrawal of a transfer that the gateway never saw: adopted, delivered, recorded
purchase   withdraw, then confirmWithdrawal
"""

from __future__ import annotations

from base64 import b64encode
from typing import Final, NamedTuple

from bench.load.http import post

PASSWORD: Final = "MyPass"
ID_LENGTH: Final = 17
_SPREAD: Final = 2654435761  # odd, so that different numbers give different ids
AMOUNT: Final = '"amount": {"amount": 230.00, "currencyCode": "XAG"}'

FLOWS: Final = {
    "balance": ("getBalance",),
    "rollback": ("rollbackWithdrawal",),
    "purchase": ("withdraw", "confirmWithdrawal"),
}
_BODY_ENDS: Final = {
    "withdraw": f'{AMOUNT}, "txDescription": "1000 gems"',
    "confirmWithdrawal": AMOUNT,
    "rollbackWithdrawal": '"rollbackReason": "Withdraw request failed."',
}


class Step(NamedTuple):
    """One request: its call, and its bytes before and after the id. `after` is None if the request has no id."""

    call: str
    before: bytes
    after: bytes | None

    def request(self, id: bytes) -> bytes:
        return self.before if self.after is None else self.before + id + self.after


def authorization(username: str) -> str:
    """The `Authorization` header of the game's user at this operator."""
    return "Basic " + b64encode(f"{username}:{PASSWORD}".encode()).decode()


def steps(flow: str, username: str, token: str) -> tuple[Step, ...]:
    """The requests of a flow under one session."""
    return tuple(_step(call, username, token) for call in FLOWS[flow])


def verify_session(username: str, token: str) -> bytes:
    """The first request of a session."""
    return _step("verifySession", username, token).before


def transfer_id(run: str, number: int) -> bytes:
    """The id of the `number`-th transfer of a run (8 characters). Ids are all different, of one length, and far apart
    in an index, as the ids of many players are."""
    return f"{number * _SPREAD % 2**32:08x}-{run}".encode()


def _step(call: str, username: str, token: str) -> Step:
    path = f"/wallet/{call}"
    if call not in _BODY_ENDS:
        return Step(call, post(path, f'{{"token": "{token}"}}'.encode(), authorization(username)), None)
    placeholder = "?" * ID_LENGTH
    body = f'{{"token": "{token}", "mmTransactionId": "{placeholder}", {_BODY_ENDS[call]}}}'
    before, after = post(path, body.encode(), authorization(username)).split(placeholder.encode())
    return Step(call, before, after)
