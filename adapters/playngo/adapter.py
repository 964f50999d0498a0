"""The wallet calls at an operator that serves Play'n GO's wallet protocol.

A withdraw is a reserve, the confirm releases nothing and closes the round, the rollback cancels the reserve. Each
withdraw is a game session and a round of its own. There are no deposits: a release without a reserve cannot be undone.

Source: Play'n GO's wallet protocol (authenticate, balance, reserve, cancelReserve, release).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from adapters.playngo.settings import Confirm, PlayngoSettings
from gateway.money import Money
from gateway.operators import Adapter, Declined, Http, Kind, Player, Receipt, Session, Transfer, Unclear, excerpt_of
from gateway.toolbox import (
    Meanings,
    Means,
    XmlMember,
    build_xml,
    decimal_text,
    from_decimal,
    http_error,
    parse_xml,
    require_done,
    text_at,
    transfer_number,
    transfer_uuid,
)

NAMESPACE: Final = UUID("7fa66ee0-b656-4f74-a5aa-582cd4545635")
"""Of all ids that the operator sees; it must never change (`gateway.toolbox.ids`)."""

HEADERS: Final = {"Content-Type": "application/xml"}
CONTEXT: Final = {"contextId": "0", "channel": "1"}
SESSION_ID: Final = "externalGameSessionId"
TRANSACTION_ID: Final = "externalTransactionId"

Members = Mapping[str, XmlMember]


class Method(StrEnum):
    """A method of the wallet: the root element of the request and of its answer."""

    AUTHENTICATE = "authenticate"  # verifySession
    BALANCE = "balance"  # getBalance
    RESERVE = "reserve"  # withdraw
    RELEASE = "release"  # confirmWithdrawal
    CANCEL_RESERVE = "cancelReserve"  # rollbackWithdrawal


# The player or the session is refused before anything is booked. These are declines at an end too, so that a withdraw
# and a rollback that are both refused come to their end; any other end is sent again.
_REFUSALS: Final[Meanings] = {
    "0": Means.DONE,
    **dict.fromkeys(("1", "5", "6"), Kind.PLAYER),  # NOUSER, ACCOUNTLOCKED, ACCOUNTDISABLED
    "10": Kind.SESSION,  # SESSIONEXPIRED
}
_READ: Final[Meanings] = {**_REFUSALS, "4": Kind.SESSION}  # WRONGUSERNAMEPASSWORD, such as a wrong ticket
_MOVE: Final[Meanings] = {**_REFUSALS, "8": Means.RETRY_LATER}  # MAXCONCURRENTCALLS: "try again later"

# INTERNAL (2) and SERVICEUNAVAILABLE (12) may mean anything: some operators answer 12 to a cancelReserve after a
# release. Held by test_a_code_that_does_not_say_what_happened_is_unknown.
MEANINGS: Final[Mapping[Method, Meanings]] = {
    Method.AUTHENTICATE: _READ,
    Method.BALANCE: _READ,
    Method.RESERVE: {
        **_MOVE,
        "3": Kind.CURRENCY,  # INVALIDCURRENCY
        "7": Kind.FUNDS,  # NOTENOUGHMONEY
        **dict.fromkeys(("9", "11"), Kind.LIMIT),  # SPENDINGBUDGETEXCEEDED, TIMEBUDGETEXCEEDED
    },
    Method.RELEASE: _MOVE,
    Method.CANCEL_RESERVE: _MOVE,
}


class Playngo(Adapter):
    """A yes is HTTP 200 with the method as root element and statusCode 0, whatever its balance is. A move's must have
    an externalTransactionId, a reserve's one that is not empty; where a cancelReserve's is empty, it found no reserve.
    `MEANINGS` says what another code means; what is not in it is unknown.
    """

    interface = 1
    Settings = PlayngoSettings
    settings: PlayngoSettings
    needs_player = True  # every money call names its player (`externalId`)

    def __init__(self, settings: PlayngoSettings, http: Http) -> None:
        super().__init__(settings, http)
        self._common: dict[str, XmlMember] = {
            "productId": settings.product_id,
            "gameId": settings.game_id,
            "accessToken": settings.access_token.get_secret_value(),
        }

    async def verify_session(self, session: Session) -> Player:
        answer = await self._post(Method.AUTHENTICATE, _ticket(session))
        if not answer.get("externalId"):
            raise Unclear("the answer names no player")
        return Player(
            player_id=answer["externalId"],
            balance=self._balance(answer, "userCurrency"),
            nickname=answer.get("nickname"),
            language=answer.get("language"),
            country=answer.get("country"),
            memory={"currency": answer.get("userCurrency", ""), SESSION_ID: answer.get(SESSION_ID, "")},
        )

    async def get_balance(self, session: Session) -> Money:
        if session.player_id and session.memory.get("currency"):
            balance = self._balance(await self._post(Method.BALANCE, _player(session)), "currency")
        else:  # authenticate needs nothing but the ticket
            balance = (await self.verify_session(session)).balance
        if balance is None:
            raise Unclear("the answer has no balance that can be read")
        return balance

    async def withdraw(self, transfer: Transfer) -> Receipt:
        receipt = await self._move(Method.RESERVE, self._reserve(transfer))
        if not receipt.memory:
            raise Unclear(f"the answer to a reserve has an empty {TRANSACTION_ID}")
        return receipt

    async def confirm_withdrawal(self, transfer: Transfer) -> Receipt:
        if self.settings.confirm is Confirm.NONE:
            return Receipt()  # the reserve was final
        receipt = await self._move(Method.RELEASE, self._release(transfer))
        return Receipt(receipt.balance)  # what is remembered is the reserve's id

    async def rollback_withdrawal(self, transfer: Transfer) -> Receipt:
        receipt = await self._move(Method.CANCEL_RESERVE, self._reserve(transfer))
        if not receipt.memory:
            # Success in the contract's words, but the reserve may still be on its way, and nothing says that it would
            # be refused then. Held by test_a_cancel_that_found_no_reserve_is_not_found.
            raise Declined(Kind.NOT_FOUND, f"the operator knows no such reserve: its {TRANSACTION_ID} is empty")
        return Receipt(receipt.balance)

    def _reserve(self, transfer: Transfer) -> Members:
        """The members of a reserve, and of its cancelReserve, which carries the same id."""
        # A rollback of what this gateway never saw has no amount.
        real = None if transfer.amount is None else self._amount_text(transfer.amount)
        return {**self._members(transfer), "transactionId": transfer_uuid(NAMESPACE, transfer, "hold"), "real": real}

    def _release(self, transfer: Transfer) -> Members:
        """Releases nothing, and closes the round. Some operators want all of the last members."""
        return {
            **self._members(transfer),
            "transactionId": transfer_uuid(NAMESPACE, transfer, "confirm"),
            **dict.fromkeys(("real", "actualValue", "jackpotGain", "jackpotLoss", "jackpotGainSeed"), "0.00"),
            **dict.fromkeys(("type", "freegameFinished", "turnover"), "0"),
            **dict.fromkeys(("jackpotGainId", "freegameExternalId")),
            "state": "1",
        }

    def _members(self, transfer: Transfer) -> dict[str, XmlMember]:
        round_id = str(transfer_number(NAMESPACE, transfer, "round"))
        members = {**_player(transfer.session), "gameSessionId": round_id, "roundId": round_id}
        if transfer.amount is not None:
            members["currency"] = self.settings.currencies.operators_code(transfer.amount.currency)
        return {**members, **CONTEXT}

    def _amount_text(self, amount: Money) -> str:
        currencies = self.settings.currencies
        return decimal_text(currencies.operators_money(amount), currencies.places_of(amount.currency))

    async def _move(self, method: Method, members: Members) -> Receipt:
        """The operator's yes, with its own id of the transaction in `memory` if it gave one."""
        answer = await self._post(method, members)
        if TRANSACTION_ID not in answer:
            raise Unclear(f"the answer has no {TRANSACTION_ID}")
        memory = {TRANSACTION_ID: answer[TRANSACTION_ID]} if answer[TRANSACTION_ID] else {}
        return Receipt(self._balance(answer, "currency"), memory)

    async def _post(self, method: Method, members: Members) -> dict[str, str]:
        """The members of the operator's yes, those that are texts. Raises `Declined` or `Unclear` for anything else."""
        url = self.settings.base_url + ("" if self.settings.one_url else method)
        response = await self.http.post(url, build_xml(method, {**members, **self._common}), HEADERS)
        if response.status != HTTPStatus.OK:
            raise http_error(response)
        tree = parse_xml(response.body)
        code = text_at(tree, method, "statusCode")
        if not code:
            raise Unclear(f"the answer has no {method} with a statusCode: {excerpt_of(response.body)}")
        message = text_at(tree, method, "statusMessage") or ""
        require_done(MEANINGS[method], code, f"{method}: statusCode {code} {message}".rstrip())
        return _texts(tree[method])

    def _balance(self, answer: Mapping[str, str], currency: str) -> Money | None:
        balance = from_decimal(answer.get("real"), answer.get(currency, ""))
        return None if balance is None else self.settings.currencies.games_money(balance)


def _ticket(session: Session) -> Members:
    empty = dict.fromkeys(("password", "extra", "client", "CID", "clientIP"))
    return {"username": session.token, **empty, **CONTEXT, "language": "en"}


def _player(session: Session) -> Members:
    """Empty where it is not known: an end must go out all the same."""
    memory = session.memory
    return {"externalId": session.player_id, "currency": memory.get("currency"), SESSION_ID: memory.get(SESSION_ID)}


def _texts(members: Mapping[str, Any]) -> dict[str, str]:
    return {name: text for name in members if (text := text_at(members, name)) is not None}
