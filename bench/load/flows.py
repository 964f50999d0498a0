"""What the game asks for, as ready bytes with room for a transfer's id.

balance    getBalance
rollback   rollbackWithdrawal of a transfer that the gateway never saw: adopted, delivered, recorded
purchase   withdraw, then confirmWithdrawal
"""

from __future__ import annotations

from base64 import b64encode
from typing import Final, NamedTuple

from bench.load.http import post

PASSWORD: Final = "MyPass"  # noqa: S105 - a contestant's, for this run only
ID_LENGTH: Final = 17
_SPREAD: Final = 2654435761  # odd, so that no number comes out twice
AMOUNT: Final = '"amount": {"amount": 230.00, "currencyCode": "XAG"}'

FLOWS: Final = {
    "balance": ("getBalance",),
    "rollback": ("rollbackWithdrawal",),
    "purchase": ("withdraw", "confirmWithdrawal"),
}
_RESTS: Final = {
    "withdraw": f'{AMOUNT}, "txDescription": "1000 gems"',
    "confirmWithdrawal": AMOUNT,
    "rollbackWithdrawal": '"rollbackReason": "Withdraw request failed."',
}


class Step(NamedTuple):
    """One request, before and after the id in it, and the call it makes. `after` is None where no id belongs in."""

    call: str
    before: bytes
    after: bytes | None

    def request(self, id: bytes) -> bytes:
        return self.before if self.after is None else self.before + id + self.after


def authorization(username: str) -> str:
    """What the game sends as the operator `username`."""
    return "Basic " + b64encode(f"{username}:{PASSWORD}".encode()).decode()


def steps(flow: str, username: str, token: str) -> tuple[Step, ...]:
    """The requests of a flow under one session."""
    return tuple(_step(call, username, token) for call in FLOWS[flow])


def verify_session(username: str, token: str) -> bytes:
    """What comes first in a session."""
    return _step("verifySession", username, token).before


def transfer_id(run: str, number: int) -> bytes:
    """The id of the `number`-th transfer of a run (8 characters). They are all different, of one length, and lie far
    apart in an index, as those of many players do."""
    return f"{number * _SPREAD % 2**32:08x}-{run}".encode()


def _step(call: str, username: str, token: str) -> Step:
    path = f"/wallet/{call}"
    if call not in _RESTS:
        return Step(call, post(path, f'{{"token": "{token}"}}'.encode(), authorization(username)), None)
    mark = "?" * ID_LENGTH
    body = f'{{"token": "{token}", "mmTransactionId": "{mark}", {_RESTS[call]}}}'
    before, after = post(path, body.encode(), authorization(username)).split(mark.encode())
    return Step(call, before, after)
