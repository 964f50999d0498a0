"""Acme's wallet: JSON over POST, amounts in cents, a key in a header, and errors as HTTP 409.

It translates, and nothing else: the gateway keeps the transfer, sends again, limits time and hides secrets. What is not
mapped here is unknown: never a yes, never a decline.
"""

from __future__ import annotations

from typing import Any, Final

from acme.settings import AcmeSettings
from gateway.money import Money
from gateway.operators import (
    Adapter,
    Declined,
    Http,
    Kind,
    Player,
    Receipt,
    Session,
    Transfer,
    Unclear,
    Unmapped,
    decode_members,
    encode,
)
from gateway.toolbox import answer_members, excerpt_of_members, from_minor_units, http_error, minor_units

DECLINES: Final = {"NO_SESSION": Kind.SESSION, "NO_FUNDS": Kind.FUNDS, "UNKNOWN_TX": Kind.NOT_FOUND}
"""The errors of which the contract says that nothing was booked."""

ERROR_STATUS: Final = 409
OK: Final = 200
CENTS: Final = 2


class Acme(Adapter):
    """Acme's wallet. Its endpoints are wallet, take, give, settle and cancel."""

    interface = 1
    Settings = AcmeSettings
    settings: AcmeSettings

    def __init__(self, settings: AcmeSettings, http: Http) -> None:
        super().__init__(settings, http)
        self._headers = {"Content-Type": "application/json", "X-Key": settings.key.get_secret_value()}

    async def verify_session(self, session: Session) -> Player:
        answer = await self._post("wallet", {"session": session.token})
        player = answer.get("player")
        if not isinstance(player, str):
            raise Unclear("the answer names no player")
        return Player(player_id=player, balance=_balance(answer))

    async def get_balance(self, session: Session) -> Money:
        balance = _balance(await self._post("wallet", {"session": session.token}))
        if balance is None:
            raise Unclear("the answer has no balance")
        return balance

    async def withdraw(self, transfer: Transfer) -> Receipt:
        return await self._move("take", transfer, **_amount(transfer))

    async def confirm_withdrawal(self, transfer: Transfer) -> Receipt:
        return await self._move("settle", transfer)

    async def rollback_withdrawal(self, transfer: Transfer) -> Receipt:
        return await self._move("cancel", transfer)

    async def deposit(self, transfer: Transfer) -> Receipt:
        return await self._move("give", transfer, **_amount(transfer))

    async def confirm_deposit(self, transfer: Transfer) -> Receipt:
        return await self._move("settle", transfer)

    async def rollback_deposit(self, transfer: Transfer) -> Receipt:
        return await self._move("cancel", transfer)

    async def _move(self, endpoint: str, transfer: Transfer, **amount: object) -> Receipt:
        # A withdraw and a deposit may have the same id, and every try must carry the same one.
        tx = f"{transfer.direction}-{transfer.id}"
        answer = await self._post(endpoint, {"session": transfer.session.token, "tx": tx, **amount})
        # A web server that sends the request back names its tx too, but no player.
        if answer.get("tx") != tx or not isinstance(answer.get("player"), str):
            raise Unclear(f"the answer is about another transaction: {excerpt_of_members(answer)}")
        return Receipt(_balance(answer))

    async def _post(self, endpoint: str, body: dict[str, object]) -> dict[str, Any]:
        """Acme's answer, unless it is an error. Raises `Declined` or `Unclear`."""
        response = await self.http.post(self.settings.base_url + endpoint, encode(body), self._headers)
        if response.status == ERROR_STATUS:
            error = decode_members(response.body, {"error"}).get("error")
            if not isinstance(error, str):
                raise http_error(response)
            kind = DECLINES.get(error)
            raise Unmapped(error) if kind is None else Declined(kind, error)
        if response.status != OK:
            raise http_error(response)
        return answer_members(response, {"player", "tx"})


def _balance(answer: dict[str, Any]) -> Money | None:
    """The balance as Acme writes it, None if it cannot be read: it only informs, and spoils no yes."""
    currency = answer.get("currency")
    return from_minor_units(answer.get("cents"), currency, CENTS) if isinstance(currency, str) else None


def _amount(transfer: Transfer) -> dict[str, object]:
    """The members that say how much. Raises `Declined` for what cents cannot say; nothing is sent then."""
    assert transfer.amount is not None
    return {"cents": minor_units(transfer.amount, CENTS), "currency": transfer.amount.currency}
