"""The wallet calls, in the game's own format, at an operator of its own address and credentials."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from pydantic import Field, SecretStr

from adapters.quantum.messages import Balance, Moved, Problem, Verified, wire_money
from gateway.money import Money
from gateway.operators import (
    Adapter,
    AdapterSettings,
    Answer,
    BaseUrl,
    Declined,
    Http,
    Kind,
    Player,
    Receipt,
    Session,
    Transfer,
    Unclear,
    basic_auth,
    decode,
    encode,
)

OK: Final = 200
FAILED: Final = 500

NO_REASON: Final = "No reason was given."


class QuantumSettings(AdapterSettings):
    """How to reach the operator, and what its error codes mean."""

    base_url: BaseUrl = Field(description="Everything before the endpoint's name, with its last slash.")
    username: str = Field(description="For HTTP Basic authentication at the operator.", pattern="^[^:]*$")
    password: SecretStr = Field(description="For HTTP Basic authentication at the operator.")
    declines: dict[int, Kind] = Field(
        default={},
        description=(
            "The operator's error codes that prove that nothing was booked, and why it declined. "
            "The contract prints only 100, which proves nothing: any code not named here counts as unknown."
        ),
    )


class Quantum(Adapter):
    """Success is HTTP 200 with our mmTransactionId and a balance. A decline is HTTP 500 with a code that the settings
    name. Everything else, HTTP 401 too, is unknown: what answered need not have been the wallet.
    """

    Settings = QuantumSettings
    settings: QuantumSettings

    def __init__(self, settings: QuantumSettings, http: Http) -> None:
        super().__init__(settings, http)
        self._basic = basic_auth(settings.username, settings.password.get_secret_value())
        self._headers = {"Authorization": self._basic, "Content-Type": "application/json"}

    async def verify_session(self, session: Session) -> Player:
        verified = msgspec.convert(await self._post("verifySession", {"token": session.token}), Verified)
        if verified.token not in {None, session.token}:
            raise Unclear("the answer is about another session")
        return Player(
            player_id=verified.playerId,
            balance=verified.balance.money(),
            nickname=verified.nickname,
            language=verified.language,
            country=verified.country,
        )

    async def get_balance(self, session: Session) -> Money:
        return msgspec.convert(await self._post("getBalance", {"token": session.token}), Balance).balance.money()

    async def withdraw(self, transfer: Transfer) -> Receipt:
        return await self._hold("withdraw", transfer)

    async def confirm_withdrawal(self, transfer: Transfer) -> Receipt:
        return await self._move("confirmWithdrawal", transfer, amount=_amount(transfer))

    async def rollback_withdrawal(self, transfer: Transfer) -> Receipt:
        return await self._move("rollbackWithdrawal", transfer, rollbackReason=transfer.rollback_reason or NO_REASON)

    async def deposit(self, transfer: Transfer) -> Receipt:
        return await self._hold("deposit", transfer)

    async def confirm_deposit(self, transfer: Transfer) -> Receipt:
        return await self._move("confirmDeposit", transfer, amount=_amount(transfer))

    async def rollback_deposit(self, transfer: Transfer) -> Receipt:
        return await self._move("rollbackDeposit", transfer, rollbackReason=transfer.rollback_reason or NO_REASON)

    async def _hold(self, endpoint: str, transfer: Transfer) -> Receipt:
        return await self._move(endpoint, transfer, amount=_amount(transfer), txDescription=transfer.description)

    async def _move(self, endpoint: str, transfer: Transfer, **rest: object) -> Receipt:
        body = {"token": transfer.session.token, "mmTransactionId": transfer.id, **rest}
        moved = msgspec.convert(await self._post(endpoint, body), Moved)
        if moved.mmTransactionId != transfer.id:
            raise Unclear("the answer names another mmTransactionId")
        return Receipt(moved.balance.money())

    async def _post(self, endpoint: str, body: dict[str, Any]) -> Any:
        answer = await self.http.post(self.settings.base_url + endpoint, encode(body), self._headers)
        if answer.status != OK:
            raise self._failure(answer)
        return decode(answer.body)

    def _failure(self, answer: Answer) -> Declined | Unclear:
        """What an answer other than 200 means."""
        if answer.status != FAILED:
            return Unclear(f"HTTP {answer.status}")
        try:
            problem = msgspec.convert(decode(answer.body), Problem)
        except (Unclear, msgspec.ValidationError):
            return Unclear("HTTP 500 without the contract's error body")
        said = problem.errorDescription.replace(self._basic, "[hidden]")
        text = f"error {problem.errorCode}: {said}"
        kind = self.settings.declines.get(problem.errorCode)
        return Unclear(text) if kind is None else Declined(kind, text)


def _amount(transfer: Transfer) -> object:
    assert transfer.amount is not None
    return wire_money(transfer.amount)
