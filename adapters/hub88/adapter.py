"""The wallet calls at an operator that speaks Hub88's operator protocol.

Its casino wallet has no confirm: a bet is final, and its round is closed later. So a withdraw is a bet that leaves its
round open, the confirm closes the round with a win of 0, the rollback undoes the bet. A deposit is a win without a bet
(a supplier's promotion), final at once; its rollback undoes the win. See
`docs/decisions/041-hub88-confirm-and-deposit.md`.

Source: Hub88's public documentation of the operator API, sections "Endpoints", "Auth", "Money", "Request fields",
"Response", "Statuses", "Session rule", "Idempotency" and "Timeout / retry duty of the caller".
"""

from __future__ import annotations

from concurrent.futures import Executor
from typing import Any, ClassVar, Final, NamedTuple
from uuid import UUID

from adapters.hub88.settings import Confirm, Hub88Settings
from gateway.money import Money
from gateway.operators import (
    Adapter,
    Http,
    HttpResponse,
    Kind,
    Player,
    Receipt,
    Session,
    Transfer,
    Unclear,
    Unmapped,
    encode,
    excerpt_of,
)
from gateway.toolbox import (
    SIGNING_POOL,
    Meanings,
    Means,
    answer_members,
    derived_uuid,
    from_minor_units,
    games_code,
    http_error,
    minor_units,
    operators_code,
    read_rsa_key,
    require_done,
    rollback_step,
    rsa_sha256_base64_async,
    transfer_uuid,
)

NAMESPACE: Final = UUID("9b6f5a0c-3f0e-5d0c-8f5c-0d5b8a1f6a57")
"""The UUID namespace of every id that the operator sees. It must never change: a transfer that is under way would get
other ids, and its rollback would name nothing. Held by test_a_withdraw_is_a_bet_that_leaves_its_round_open."""

DECIMAL_PLACES: Final = 5
MAX_UNITS: Final = 2**63 - 1
"""Amounts are signed 64-bit integers that count 0.00001 of the currency ("Money")."""

OK: Final = 200
YES: Final = "RS_OK"
ERROR: Final = "RS_ERROR"
"""The prefix that the statuses of errors share."""

NEEDED: Final = frozenset({"status", "request_uuid", "user"})
"""The members of an answer that say what happened, and to what; all others only inform."""

Body = dict[str, Any]


class Operation(NamedTuple):
    """A request of the operator's API, and what each status of its answer proves."""

    endpoint: str
    meanings: Meanings


# The session or the player is refused before anything is booked. The contract demands a rollback of the bet after these
# too ("Timeout / retry duty"), and the gateway sends one. Some operators refuse that as well: they check its session,
# although they must not ("Session rule"). As declines the two end the transfer; as unknown they would need a person.
REFUSALS: Final[Meanings] = {
    "RS_ERROR_INVALID_TOKEN": Kind.SESSION,
    "RS_ERROR_TOKEN_EXPIRED": Kind.SESSION,
    "RS_ERROR_USER_DISABLED": Kind.PLAYER,
}

BALANCE: Final = Operation("user/balance", REFUSALS)

# After the first two the contract needs no rollback ("Timeout / retry duty"). Others are left out: WRONG_CURRENCY and
# INVALID_GAME are mistakes in a configuration, which a person must see; DUPLICATE_TRANSACTION says that something is
# booked under this id; DOES_NOT_EXIST and ROLLED_BACK cannot answer a bet that is sent once.
BET: Final = Operation(
    "transaction/bet", {**REFUSALS, "RS_ERROR_NOT_ENOUGH_MONEY": Kind.FUNDS, "RS_ERROR_LIMIT_REACHED": Kind.LIMIT}
)

# The same win again is RS_OK again ("Idempotency"), so that no other status says that it was done. DOES_NOT_EXIST is a
# bet "not found/not processed", which may still be processed, and ROLLED_BACK is an undone bet: taking either for a
# confirm would lose the money. Held by
# test_a_status_that_is_not_in_its_calls_table_is_unknown_but_shows_an_operator_that_lives.
WIN: Final = Operation("transaction/win", REFUSALS)

# Both are final: the operator has nothing under this id, or has undone it already.
ROLLBACK: Final = Operation(
    "transaction/rollback",
    {
        **REFUSALS,
        "RS_ERROR_TRANSACTION_ROLLED_BACK": Means.DONE,
        "RS_ERROR_TRANSACTION_DOES_NOT_EXIST": Kind.NOT_FOUND,
    },
)


class Hub88(Adapter):
    """A yes is HTTP 200 with status RS_OK, our request_uuid and no other user, whatever its balance is. The tables say
    what another status means; a status outside the table of its operation, or an HTTP error, is unknown."""

    interface = 1
    Settings = Hub88Settings
    settings: Hub88Settings

    needs_player = True  # bets and wins must name their user ("Request fields")

    signer: ClassVar[Executor | None] = SIGNING_POOL
    """The threads that sign. The simulator sets None: nothing may run beside its loop."""

    def __init__(self, settings: Hub88Settings, http: Http) -> None:
        super().__init__(settings, http)
        self._key = read_rsa_key(settings.private_key.get_secret_value())

    async def verify_session(self, session: Session) -> Player:
        answer = await self._ask_balance(session)
        if not answer.get("user"):
            raise Unclear("the answer names no user")
        return Player(player_id=answer["user"], balance=self._balance(answer))

    async def get_balance(self, session: Session) -> Money:
        balance = self._balance(await self._ask_balance(session))
        if balance is None:
            raise Unclear("the answer has no balance that can be read")
        return balance

    async def withdraw(self, transfer: Transfer) -> Receipt:
        """A bet whose round stays open, for the confirm to close it."""
        amount = self._amount(transfer)
        return await self._send(BET, self._body(transfer, "hold", **amount, round_closed=False, is_free=False))

    async def confirm_withdrawal(self, transfer: Transfer) -> Receipt:
        if self.settings.confirm is Confirm.NONE:
            return Receipt()  # the bet was final
        amount = {**self._amount(transfer), "amount": 0, "reference_transaction_uuid": _uuid(transfer, "hold")}
        return await self._send(WIN, self._body(transfer, "confirm", **amount, round_closed=True, is_free=False))

    async def rollback_withdrawal(self, transfer: Transfer) -> Receipt:
        reference = _uuid(transfer, "hold")
        body = self._body(transfer, rollback_step(transfer), reference_transaction_uuid=reference, round_closed=True)
        return await self._send(ROLLBACK, body)

    async def deposit(self, transfer: Transfer) -> Receipt:
        """A supplier's promotion: a win without a bet."""
        amount = {**self._amount(transfer), "round_closed": True, "is_free": True}
        return await self._send(WIN, self._body(transfer, "hold", **amount, is_supplier_promo=True))

    async def confirm_deposit(self, transfer: Transfer) -> Receipt:
        return Receipt()  # the win was final

    rollback_deposit = rollback_withdrawal

    async def _ask_balance(self, session: Session) -> Body:
        # The operator answers a repeat of this request with the present balance ("Idempotency" excepts it).
        request_uuid = derived_uuid(NAMESPACE, session.operator, session.token, "balance", "request")
        body = {**_user(session), "token": session.token, "request_uuid": request_uuid}
        return await self._post(BALANCE, {**body, "game_code": self.settings.game_code})

    async def _send(self, operation: Operation, body: Body) -> Receipt:
        return Receipt(self._balance(await self._post(operation, body)))

    async def _post(self, operation: Operation, body: Body) -> Body:
        """The operator's yes to this request. Raises `Declined` for a clear no, `Unclear` for anything else."""
        # Serialised once: the signature is over the exact bytes that are sent ("Auth"). Held by
        # test_every_request_is_signed_over_the_bytes_that_are_sent.
        sent = encode(body)
        signature = await rsa_sha256_base64_async(self._key, sent, self.signer)
        headers = {"Content-Type": "application/json", "X-Hub88-Signature": signature}
        response = await self.http.post(self.settings.base_url + operation.endpoint, sent, headers)
        if response.status != OK:
            raise _http_status_error(response)
        answer = _read(response)
        _require_same_request(answer, body)
        if answer["status"] != YES:
            _require_done_before(operation, answer)
        return answer

    def _body(self, transfer: Transfer, step: str, **members: object) -> Body:
        """A transaction. `supplier_transaction_id` holds the direction too, since a withdraw and a deposit may have the
        same id."""
        return {
            **_user(transfer.session),
            "transaction_uuid": _uuid(transfer, step),
            "supplier_transaction_id": f"{transfer.direction}:{transfer.id}",
            "token": transfer.session.token,
            "round": transfer.id,
            "request_uuid": _uuid(transfer, step, "request"),
            "game_code": self.settings.game_code,
            **members,
        }

    def _amount(self, transfer: Transfer) -> Body:
        assert transfer.amount is not None
        currency = operators_code(self.settings.currencies, transfer.amount.currency)
        return {"currency": currency, "amount": minor_units(transfer.amount, DECIMAL_PLACES, MAX_UNITS)}

    def _balance(self, answer: Body) -> Money | None:
        balance, currency = answer.get("balance"), answer.get("currency")
        if not isinstance(balance, int) or not isinstance(currency, str):
            return None
        return from_minor_units(balance, games_code(self.settings.currencies, currency.strip()), DECIMAL_PLACES)


def _uuid(transfer: Transfer, *step: str) -> str:
    return transfer_uuid(NAMESPACE, transfer, *step)


def _user(session: Session) -> Body:
    """Empty if the player is not known: a rollback may name its user by the token alone."""
    return {"user": session.player_id} if session.player_id else {}


def _read(response: HttpResponse) -> Body:
    """The answer, its request_uuid in lower case: a UUID is the same in either case (RFC 9562, section 4). Raises
    `Unclear`, with an excerpt of what came instead."""
    answer = answer_members(response, NEEDED)
    texts = {name: "" if answer.get(name) is None else answer[name] for name in NEEDED}
    if not all(isinstance(text, str) for text in texts.values()) or not texts["status"]:
        raise Unclear(f"the answer has no status and ids that can be read: {excerpt_of(response.body)}")
    return {**answer, **texts, "request_uuid": texts["request_uuid"].lower()}


def _require_same_request(answer: Body, asked: Body) -> None:
    """Raises `Unclear` for an answer to another request or about another user.

    An error may leave out the request's id, because it came on the connection of that request. A yes must name it: a
    cache or a web server may answer RS_OK as well.
    """
    unnamed = not answer["request_uuid"] and answer["status"].startswith(ERROR)
    same_request = unnamed or answer["request_uuid"] == asked["request_uuid"]
    if not same_request or answer["user"] not in {"", asked.get("user", answer["user"])}:
        raise Unclear(f"the answer ({answer['status']}) is to another request, or about another user")


def _http_status_error(response: HttpResponse) -> Unclear:
    """The error to raise for another HTTP status than 200. It proves nothing, since the contract answers under 200
    ("Response"); but one of the protocol's own errors shows an operator that is alive."""
    try:
        status: str = _read(response)["status"]
    except Unclear:
        status = ""
    return Unmapped(f"HTTP {response.status}, {status}") if status.startswith(ERROR) else http_error(response)


def _require_done_before(operation: Operation, answer: Body) -> None:
    """Returns if this error is a yes: an earlier try of the same request did it. Raises `Declined` or `Unclear`."""
    status = answer["status"]
    if not status.startswith(ERROR):
        raise Unclear(f"the status is {status!r}")
    require_done(operation.meanings, status, status)
    if not answer["request_uuid"]:  # an error may leave it out, a yes may not
        raise Unmapped(status)
