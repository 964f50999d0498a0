"""The wallet calls at an operator that speaks Hub88's operator protocol.

Its casino wallet has no confirm: a bet is final, and its round is closed later. So a withdraw is a bet that leaves its
round open, the confirm closes the round with a win of 0, the rollback undoes the bet. A deposit is a win without a bet
(a supplier's promotion), final at once; its rollback undoes the win. See
`docs/decisions/041-hub88-confirm-and-deposit.md`.

Source: Hub88's public documentation of the operator API, sections "Endpoints", "Auth", "Response" and "Idempotency".
"""

from __future__ import annotations

from concurrent.futures import Executor
from typing import ClassVar, Final

from adapters.hub88 import requests
from adapters.hub88.meanings import MEANINGS, Operation
from adapters.hub88.messages import Answer, Status, read
from adapters.hub88.requests import DECIMAL_PLACES, Body
from adapters.hub88.settings import Confirm, Hub88Settings
from gateway.money import Money, unchecked_money
from gateway.operators import (
    Adapter,
    Http,
    HttpResponse,
    Player,
    Receipt,
    Session,
    Transfer,
    Unclear,
    Unmapped,
    encode,
)
from gateway.toolbox import SIGNING_POOL, http_error, read_rsa_key, require_done, rsa_sha256_base64_async

OK: Final = 200

ERROR: Final = "RS_ERROR"
"""The prefix that the statuses of errors share."""


class Hub88(Adapter):
    """A yes is HTTP 200 with status RS_OK, our request_uuid and no other user, whatever its balance is. The table of
    `adapters.hub88.meanings` says what another status means; a status outside the table, or an HTTP error, is unknown.
    """

    interface = 1
    Settings = Hub88Settings
    settings: Hub88Settings

    needs_player = True  # bets and wins must name their user (Hub88, "Request fields")

    signer: ClassVar[Executor | None] = SIGNING_POOL
    """The threads that sign. The simulator sets None: nothing may run beside its loop."""

    def __init__(self, settings: Hub88Settings, http: Http) -> None:
        super().__init__(settings, http)
        self._key = read_rsa_key(settings.private_key.get_secret_value())

    async def verify_session(self, session: Session) -> Player:
        answer = await self._ask_balance(session)
        if not answer.user:
            raise Unclear("the answer names no user")
        return Player(player_id=answer.user, balance=self._balance(answer))

    async def get_balance(self, session: Session) -> Money:
        balance = self._balance(await self._ask_balance(session))
        if balance is None:
            raise Unclear("the answer has no balance that can be read")
        return balance

    async def withdraw(self, transfer: Transfer) -> Receipt:
        bet = requests.bet(transfer, requests.units(transfer), self.settings)
        return await self._send_transaction(Operation.BET, bet)

    async def confirm_withdrawal(self, transfer: Transfer) -> Receipt:
        if self.settings.confirm is Confirm.NONE:
            return Receipt()  # the bet was final
        return await self._send_transaction(Operation.ZERO_WIN, requests.zero_win(transfer, self.settings))

    async def rollback_withdrawal(self, transfer: Transfer) -> Receipt:
        return await self._send_transaction(Operation.ROLLBACK, requests.rollback(transfer, self.settings))

    async def deposit(self, transfer: Transfer) -> Receipt:
        win = requests.promotion(transfer, requests.units(transfer), self.settings)
        return await self._send_transaction(Operation.PROMOTION, win)

    async def confirm_deposit(self, transfer: Transfer) -> Receipt:  # noqa: ARG002 - the interface's
        return Receipt()  # the win was final

    async def rollback_deposit(self, transfer: Transfer) -> Receipt:
        return await self._send_transaction(Operation.ROLLBACK, requests.rollback(transfer, self.settings))

    async def _send_transaction(self, operation: Operation, body: Body) -> Receipt:
        return Receipt(self._balance(await self._post(operation, body)))

    async def _ask_balance(self, session: Session) -> Answer:
        return await self._post(Operation.BALANCE, requests.balance(session, self.settings))

    async def _post(self, operation: Operation, body: Body) -> Answer:
        """The operator's yes to this request. Raises `Declined` for a clear no, `Unclear` for anything else."""
        # Serialised once: the signature is over the exact bytes that are sent (Hub88, "Auth"). Held by
        # test_every_request_is_signed_over_the_bytes_that_are_sent.
        sent = encode(body)
        signature = await rsa_sha256_base64_async(self._key, sent, self.signer)
        headers = {"Content-Type": "application/json", "X-Hub88-Signature": signature}
        response = await self.http.post(self.settings.base_url + operation.endpoint, sent, headers)
        if response.status != OK:
            raise _http_status_error(response)
        answer = read(response)
        _require_same_request(answer, body)
        if answer.status != Status.OK:
            _require_done_before(operation, answer)
        return answer

    def _balance(self, answer: Answer) -> Money | None:
        if answer.balance is None or not answer.currency:
            return None
        return unchecked_money(answer.balance, self.settings.games_currency(answer.currency), DECIMAL_PLACES)


def _require_same_request(answer: Answer, asked: Body) -> None:
    """Raises `Unclear` for an answer to another request or about another user.

    An error may leave out the request's id, because it came on the connection of that request. A yes must name it: a
    cache or a web server may answer RS_OK as well.
    """
    unnamed = not answer.request_uuid and answer.status.startswith(ERROR)
    if (answer.request_uuid != asked["request_uuid"] and not unnamed) or answer.user not in {
        "",
        asked.get("user", answer.user),
    }:
        raise Unclear(f"the answer ({answer.status}) is to another request, or about another user")


def _http_status_error(response: HttpResponse) -> Unclear:
    """The error to raise for another HTTP status than 200. It proves nothing, since the contract answers under 200
    (Hub88, "Response"); but one of the protocol's own errors shows an operator that is alive."""
    try:
        status = read(response).status
    except Unclear:
        status = ""
    return Unmapped(f"HTTP {response.status}, {status}") if status.startswith(ERROR) else http_error(response)


def _require_done_before(operation: Operation, answer: Answer) -> None:
    """Returns if this error is a yes: an earlier try of the same request did it. Raises `Declined` or `Unclear`."""
    if not answer.status.startswith(ERROR):
        raise Unclear(f"the status is {answer.status!r}")
    require_done(MEANINGS[operation], answer.status, answer.status)
    if not answer.request_uuid:  # an error may leave it out, a yes may not
        raise Unmapped(answer.status)
