"""The wallet calls in the game's own format, at an operator with its own address and credentials.

Source: wallet contract, "Transport", "Calls" and "The rules of a withdrawal". What the contract leaves open (the error
codes, the HTTP statuses of errors) is a setting: `adapters.quantum.settings`.
"""

from __future__ import annotations

from typing import Any, Final

from adapters.quantum.messages import (
    BALANCE_MEMBERS,
    ERROR_CODE,
    FAILURE_SIGNS,
    SESSION_MEMBERS,
    TRANSFER_MEMBERS,
    ErrorBody,
    balance_of,
    error_body_of,
    read,
    reports_failure,
    state_text,
    text_of,
)
from adapters.quantum.settings import Already, QuantumSettings
from gateway.money import Money
from gateway.operators import (
    Adapter,
    Declined,
    Direction,
    Http,
    HttpResponse,
    Player,
    Receipt,
    Session,
    Transfer,
    TransferStatus,
    Unclear,
    Unmapped,
    encode,
    excerpt_of,
)
from gateway.toolbox import basic_auth, http_error

OK: Final = 200

NO_REASON: Final = "No reason was given."


class Quantum(Adapter):
    """A yes is HTTP 200 with our mmTransactionId and a balance, readable or not, and without any sign of an error. The
    balance is required because a web server that only echoes the request has none. The yes to an end may also be the
    id alone.

    An error body is an error under any HTTP status. The settings (`declines`, `already`, `error_statuses`) say what
    its code proves. Everything else is unknown, HTTP 401 too: it may come from a proxy in front of the wallet. See
    `docs/decisions/040-quantum-errors-are-unknown.md`.
    """

    interface = 1
    Settings = QuantumSettings
    settings: QuantumSettings

    def __init__(self, settings: QuantumSettings, http: Http) -> None:
        super().__init__(settings, http)
        basic = basic_auth(settings.username, settings.password.get_secret_value())
        self._error_statuses = frozenset(settings.error_statuses)
        self._headers = {"Authorization": basic, "Content-Type": "application/json"}

    async def verify_session(self, session: Session) -> Player:
        answer = self._require_success(await self._post("verifySession", {"token": session.token}), SESSION_MEMBERS)
        player_id, token = answer.get("playerId"), answer.get("token")
        if token is not None and token != session.token:
            raise Unclear("the answer is about another session")
        if not isinstance(player_id, str) or not player_id:
            raise Unclear("the answer names no player")
        return Player(
            player_id=player_id,
            balance=balance_of(answer),
            nickname=text_of(answer, "nickname"),
            language=text_of(answer, "language"),
            country=text_of(answer, "country"),
        )

    async def get_balance(self, session: Session) -> Money:
        response = await self._post("getBalance", {"token": session.token})
        balance = balance_of(self._require_success(response, BALANCE_MEMBERS))
        if balance is None:
            raise Unclear(f"the answer has no balance that can be read: {excerpt_of(response.body)}")
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

    def can_look_up(self) -> bool:
        return self.settings.query is not None

    async def look_up(self, transfer: Transfer) -> TransferStatus:
        """Asked by the transfer's id alone, so that it needs no session."""
        query = self.settings.query
        if query is None:
            raise Unclear("the settings do not say how this operator is asked (`query`)")
        name = query.withdraw if transfer.direction is Direction.WITHDRAW else query.deposit
        if name is None:
            raise Unclear("this operator cannot be asked about deposits (`query.deposit`)")
        response = await self.http.post(query.url + name, encode({query.id_member: transfer.id}), self._headers)
        needed = FAILURE_SIGNS | {query.id_member, query.state_member}
        answer = self._require_success(response, needed, transfer.id)
        if answer.get(query.id_member) != transfer.id:
            raise Unclear(f"the answer does not name this transfer: {excerpt_of(response.body)}")
        status = query.states.get(state_text(answer.get(query.state_member)))
        if status is None:
            raise Unmapped(f"the answer has no state that is known: {excerpt_of(response.body)}")
        return status

    async def _hold(self, endpoint: str, transfer: Transfer) -> Receipt:
        members = {"amount": _wire_amount(transfer), "txDescription": transfer.description}
        response = await self._post(endpoint, _transfer_body(transfer, members))
        answer = self._require_success_of(response, transfer)
        if "balance" not in answer:
            raise Unclear(f"the answer has no balance: {excerpt_of(response.body)}")
        return Receipt(balance_of(answer))

    async def _confirm(self, endpoint: str, transfer: Transfer) -> Receipt:
        return await self._end(endpoint, transfer, {"amount": _wire_amount(transfer)}, Already.CONFIRMED)

    async def _roll_back(self, endpoint: str, transfer: Transfer) -> Receipt:
        members = {"rollbackReason": transfer.rollback_reason or NO_REASON}
        return await self._end(endpoint, transfer, members, Already.ROLLED_BACK)

    async def _end(self, endpoint: str, transfer: Transfer, members: dict[str, Any], already: Already) -> Receipt:
        response = await self._post(endpoint, _transfer_body(transfer, members))
        # An end is repeated until it is acknowledged (wallet contract, "The rules of a withdrawal", 4), so an error
        # that says "done before" acknowledges it. Held by the canary "what was done before counts as not done".
        if response.status in self._error_statuses and self._is_already_done(response, already, transfer):
            return Receipt()
        answer = self._require_success_of(response, transfer)
        if "balance" not in answer and answer.keys() != {"mmTransactionId"}:
            raise Unclear(f"the answer has no balance: {excerpt_of(response.body)}")
        return Receipt(balance_of(answer))

    async def _post(self, endpoint: str, body: dict[str, Any]) -> HttpResponse:
        return await self.http.post(self.settings.base_url + endpoint, encode(body), self._headers)

    def _is_already_done(self, response: HttpResponse, already: Already, transfer: Transfer) -> bool:
        """Whether this error says that an earlier try of the same end succeeded."""
        error = _read_error(response)
        if error is None or error.code is None or error.about not in {None, transfer.id}:
            return False
        return self.settings.already.get(error.code) is already

    def _require_success_of(self, response: HttpResponse, transfer: Transfer) -> dict[str, Any]:
        """The members of a yes to this transfer. Raises `Declined` or `Unclear`."""
        answer = self._require_success(response, TRANSFER_MEMBERS, transfer.id)
        if answer.get("mmTransactionId") != transfer.id:
            raise Unclear(f"the answer does not name this mmTransactionId: {excerpt_of(response.body)}")
        return answer

    def _require_success(
        self, response: HttpResponse, needed: frozenset[str], about: str | None = None
    ) -> dict[str, Any]:
        """The members of a yes, of which those in `needed` can be read. An error may name no other id than `about`.
        Raises `Declined` or `Unclear`."""
        if response.status != OK:
            error = _read_error(response)
            raise http_error(response) if error is None else self._error_for(error, response.status, about)
        answer = read(response, needed)
        # Without any setting: the contract's pages can be read as if errors came under HTTP 200 too, and an error that
        # passes for a success loses money.
        if ERROR_CODE in answer:
            raise self._error_for(error_body_of(answer), response.status, about)
        if reports_failure(answer):
            raise Unmapped(f"HTTP {OK} with an error: {excerpt_of(response.body)}")
        return answer

    def _error_for(self, error: ErrorBody, status: int, about: str | None) -> Declined | Unclear:
        """The exception for an error body: `Declined` only for a code and a status that the settings list."""
        if about is not None and error.about not in {None, about}:
            return Unclear(f"the error is about another mmTransactionId: {error.text}")
        if status not in self._error_statuses:
            return _unclear_error(error, f"HTTP {status}, {error.text}")
        kind = None if error.code is None else self.settings.declines.get(error.code)
        return _unclear_error(error, error.text) if kind is None else Declined(kind, error.text)


def _read_error(response: HttpResponse) -> ErrorBody | None:
    """The error body under another HTTP status than 200, None if there is none that can be read."""
    try:
        answer = read(response)
    except Unclear:
        return None
    return error_body_of(answer) if ERROR_CODE in answer else None


def _unclear_error(error: ErrorBody, text: str) -> Unclear:
    """`Unmapped` for an error with a code or a name: the operator is alive. A body that only resembles the contract's
    may come from any server."""
    return Unmapped(text) if error.code is not None or error.has_name else Unclear(text)


def _transfer_body(transfer: Transfer, members: dict[str, Any]) -> dict[str, Any]:
    return {"token": transfer.session.token, "mmTransactionId": transfer.id, **members}


def _wire_amount(transfer: Transfer) -> object:
    assert transfer.amount is not None
    return {"amount": transfer.amount.amount, "currencyCode": transfer.amount.currency}
