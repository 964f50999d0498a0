"""The wallet calls, in the game's own format, at an operator of its own address and credentials."""

from __future__ import annotations

from typing import Any, Final

from adapters.quantum.messages import (
    BALANCE,
    ERROR,
    MOVED,
    VERIFIED,
    Problem,
    balance_of,
    problem_of,
    read,
    tells_of_failure,
    text_of,
    wire_money,
)
from adapters.quantum.settings import Already, QuantumSettings
from gateway.money import Money
from gateway.operators import (
    Adapter,
    Declined,
    Http,
    HttpResponse,
    Player,
    Receipt,
    Session,
    Transfer,
    Unclear,
    Unmapped,
    basic_auth,
    encode,
    excerpt_of,
    http_error,
)

OK: Final = 200

NO_REASON: Final = "No reason was given."


class Quantum(Adapter):
    """A yes is HTTP 200 with our mmTransactionId and a balance, be it readable or not, and without any word of an
    error; a web server that only echoes the request has no balance. The yes to an end may also be the id and no more.

    An error body is an error under any HTTP status. What its code proves is what the settings say of it, under the
    statuses that they name (`declines`, `already`). Everything else, HTTP 401 too, is unknown: what answered need not
    have been the wallet.
    """

    Settings = QuantumSettings
    settings: QuantumSettings

    def __init__(self, settings: QuantumSettings, http: Http) -> None:
        super().__init__(settings, http)
        basic = basic_auth(settings.username, settings.password.get_secret_value())
        self._error_statuses = frozenset(settings.error_statuses)
        self._headers = {"Authorization": basic, "Content-Type": "application/json"}

    async def verify_session(self, session: Session) -> Player:
        said = self._success(await self._post("verifySession", {"token": session.token}), VERIFIED)
        player_id, token = said.get("playerId"), said.get("token")
        if token is not None and token != session.token:
            raise Unclear("the answer is about another session")
        if not isinstance(player_id, str) or not player_id:
            raise Unclear("the answer names no player")
        return Player(
            player_id=player_id,
            balance=balance_of(said),
            nickname=text_of(said, "nickname"),
            language=text_of(said, "language"),
            country=text_of(said, "country"),
        )

    async def get_balance(self, session: Session) -> Money:
        answer = await self._post("getBalance", {"token": session.token})
        balance = balance_of(self._success(answer, BALANCE))
        if balance is None:
            raise Unclear(f"the answer has no balance that can be read: {excerpt_of(answer.body)}")
        return balance

    async def withdraw(self, transfer: Transfer) -> Receipt:
        return await self._hold("withdraw", transfer)

    async def confirm_withdrawal(self, transfer: Transfer) -> Receipt:
        return await self._confirm("confirmWithdrawal", transfer)

    async def rollback_withdrawal(self, transfer: Transfer) -> Receipt:
        return await self._roll_back("rollbackWithdrawal", transfer)

    async def deposit(self, transfer: Transfer) -> Receipt:
        return await self._hold("deposit", transfer)

    async def confirm_deposit(self, transfer: Transfer) -> Receipt:
        return await self._confirm("confirmDeposit", transfer)

    async def rollback_deposit(self, transfer: Transfer) -> Receipt:
        return await self._roll_back("rollbackDeposit", transfer)

    async def _hold(self, endpoint: str, transfer: Transfer) -> Receipt:
        more = {"amount": _amount(transfer), "txDescription": transfer.description}
        answer = await self._post(endpoint, _about(transfer, more))
        said = self._success_of(answer, transfer)
        if "balance" not in said:
            raise Unclear(f"the answer has no balance: {excerpt_of(answer.body)}")
        return Receipt(balance_of(said))

    async def _confirm(self, endpoint: str, transfer: Transfer) -> Receipt:
        return await self._end(endpoint, transfer, {"amount": _amount(transfer)}, Already.CONFIRMED)

    async def _roll_back(self, endpoint: str, transfer: Transfer) -> Receipt:
        more = {"rollbackReason": transfer.rollback_reason or NO_REASON}
        return await self._end(endpoint, transfer, more, Already.ROLLED_BACK)

    async def _end(self, endpoint: str, transfer: Transfer, more: dict[str, Any], done: Already) -> Receipt:
        answer = await self._post(endpoint, _about(transfer, more))
        if answer.status in self._error_statuses and self._was_done(answer, done, transfer):
            return Receipt()
        said = self._success_of(answer, transfer)
        if "balance" not in said and said.keys() != {"mmTransactionId"}:
            raise Unclear(f"the answer has no balance: {excerpt_of(answer.body)}")
        return Receipt(balance_of(said))

    async def _post(self, endpoint: str, body: dict[str, Any]) -> HttpResponse:
        return await self.http.post(self.settings.base_url + endpoint, encode(body), self._headers)

    def _was_done(self, answer: HttpResponse, done: Already, transfer: Transfer) -> bool:
        """Whether an error says that an earlier try of this transfer got through."""
        problem = _problem(answer)
        if problem is None or problem.code is None or problem.about not in {None, transfer.id}:
            return False
        return self.settings.already.get(problem.code) is done

    def _success_of(self, answer: HttpResponse, transfer: Transfer) -> dict[str, Any]:
        """What a yes to this transfer says. Raises `Declined` or `Unclear`."""
        said = self._success(answer, MOVED, transfer.id)
        if said.get("mmTransactionId") != transfer.id:
            raise Unclear(f"the answer does not name this mmTransactionId: {excerpt_of(answer.body)}")
        return said

    def _success(self, answer: HttpResponse, needed: frozenset[str], about: str | None = None) -> dict[str, Any]:
        """What an answer says that is not an error; `about` is the id that it may name. Raises `Declined` or
        `Unclear`."""
        if answer.status != OK:
            problem = _problem(answer)
            raise http_error(answer) if problem is None else self._error(problem, answer.status, about)
        said = read(answer, needed)
        if ERROR in said:
            raise self._error(problem_of(said), answer.status, about)
        if tells_of_failure(said):
            raise Unmapped(f"HTTP {OK} with an error: {excerpt_of(answer.body)}")
        return said

    def _error(self, problem: Problem, status: int, about: str | None) -> Declined | Unclear:
        """What an error body proves."""
        if about is not None and problem.about not in {None, about}:
            return Unclear(f"the error is about another mmTransactionId: {problem.text}")
        if status not in self._error_statuses:
            return _unproven(problem, f"HTTP {status}, {problem.text}")
        kind = None if problem.code is None else self.settings.declines.get(problem.code)
        return _unproven(problem, problem.text) if kind is None else Declined(kind, problem.text)


def _problem(answer: HttpResponse) -> Problem | None:
    """The error that an answer of another status than 200 tells, None if there is none to be read."""
    try:
        said = read(answer)
    except Unclear:
        return None
    return problem_of(said) if ERROR in said else None


def _unproven(problem: Problem, text: str) -> Unclear:
    """Whoever names a code is alive; a body that only resembles the contract's may be anybody's."""
    return Unmapped(text) if problem.code is not None or problem.named else Unclear(text)


def _about(transfer: Transfer, more: dict[str, Any]) -> dict[str, Any]:
    return {"token": transfer.session.token, "mmTransactionId": transfer.id, **more}


def _amount(transfer: Transfer) -> object:
    assert transfer.amount is not None
    return wire_money(transfer.amount)
