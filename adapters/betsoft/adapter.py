"""The wallet calls at an operator that serves Betsoft's Common Wallet protocol.

A withdraw is a bet that leaves its round open, the confirm closes the round with a win of 0, the rollback refunds the
bet. A withdraw is a round of its own, named by the bet's id. There are no deposits: a win cannot be refunded.

Source: Betsoft's Common Wallet protocol (authenticate, getBalance, betResult, refundBet, getStatus), and what the
provider's own client does with each code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from adapters.betsoft.settings import BetsoftSettings, Method
from gateway.money import Money
from gateway.operators import (
    Adapter,
    Declined,
    HttpResponse,
    Kind,
    Player,
    Receipt,
    Session,
    Transfer,
    TransferStatus,
    Unclear,
    excerpt_of,
)
from gateway.records import Fate
from gateway.toolbox import (
    Meanings,
    Means,
    encode_form,
    from_minor_units,
    games_code,
    http_error,
    listed_values,
    md5_hex,
    minor_units,
    parse_xml,
    query_of,
    require_done,
    text_at,
    transfer_number,
)

NAMESPACE: Final = UUID("2951be36-f01f-4601-b4de-c931f3a4c36b")
"""Of all ids that the operator sees; it must never change (`gateway.toolbox.ids`)."""

DECIMAL_PLACES: Final = 2  # cents, whatever the currency
MAX_CENTS: Final = 2**63 - 1  # a signed 64-bit integer
HEADERS: Final = {"Content-Type": "application/x-www-form-urlencoded"}
HOLD, CONFIRM = "hold", "confirm"
ROOTS: Final = ("EXTSYSTEM", "VGSSYSTEM")
UNKNOWN_TRANSACTION: Final = "302"
TRANSACTION_ID: Final = "EXTSYSTEMTRANSACTIONID"

# The player or the session is refused before anything is booked. These are declines at an end too, so that a withdraw
# and a rollback that are both refused come to their end; any other end is sent again.
_REFUSALS: Final[Meanings] = {"310": Kind.PLAYER, "324": Kind.SESSION, "500": Kind.OTHER}
READ: Final[Meanings] = {**_REFUSALS, "400": Kind.SESSION}
END: Final[Meanings] = _REFUSALS
# The codes after which the provider's own client cancels a bet without refunding it. After any other it asks for the
# bet's status, and refunds it. Held by test_a_code_that_does_not_say_what_happened_is_unknown.
BET: Final[Meanings] = {
    **_REFUSALS,
    "300": Kind.FUNDS,
    "301": Kind.OTHER,
    **dict.fromkeys(("311", "312", "313", "314", "315", "316", "317", "322", "323"), Kind.LIMIT),
}

Params = dict[str, str]
Answer = Callable[[str], str]
"""The text of a member of RESPONSE, empty if there is none."""


class Betsoft(Adapter):
    """A yes is HTTP 200 with RESULT OK that repeats our id (our token or user, where there is no id), whatever its
    balance is. `BET`, `END` and `READ` say what a CODE means; what is not in them is unknown.
    """

    interface = 1
    Settings = BetsoftSettings
    settings: BetsoftSettings
    needs_player = True  # every money call names its player (`userId`)

    async def verify_session(self, session: Session) -> Player:
        answer = await self._post(Method.AUTHENTICATE, {"token": session.token}, ("token",), "token", READ)
        if not answer("USERID"):
            raise Unclear("the answer names no player")
        currency = games_code(self.settings.currencies, answer("CURRENCY"))
        return Player(player_id=answer("USERID"), balance=_balance(answer, currency), memory={"currency": currency})

    async def get_balance(self, session: Session) -> Money:
        currency = session.memory.get("currency", "")
        if session.player_id and currency:
            answer = await self._post(Method.BALANCE, self._player(session), ("userId",), "userId", READ)
            balance = _balance(answer, currency)
        else:  # authenticate needs nothing but the token, and only its answer names the currency
            balance = (await self.verify_session(session)).balance
        if balance is None:
            raise Unclear("the answer has no balance that can be read")
        return balance

    async def withdraw(self, transfer: Transfer) -> Receipt:
        assert transfer.amount is not None
        _require_players_currency(transfer.session, transfer.amount)
        cents = minor_units(transfer.amount, DECIMAL_PLACES, MAX_CENTS)
        members = {"bet": f"{cents}|{_id(transfer, HOLD)}", "isRoundFinished": "false"}
        return await self._bet_result(transfer, "bet", members, BET)

    async def confirm_withdrawal(self, transfer: Transfer) -> Receipt:
        if self.settings.confirm == "none":
            return Receipt()  # the bet was final
        members = {"win": f"0|{_id(transfer, CONFIRM)}", "isRoundFinished": "true"}
        receipt = await self._bet_result(transfer, "win", members, END)
        return Receipt(receipt.balance)  # what is remembered is the bet's id

    async def rollback_withdrawal(self, transfer: Transfer) -> Receipt:
        meanings = {**END, UNKNOWN_TRANSACTION: self._meaning_of_unknown(transfer)}
        await self._name_transaction(Method.REFUND_BET, transfer, HOLD, meanings)
        return Receipt()  # the answer has no balance

    async def look_up(self, transfer: Transfer) -> TransferStatus:
        """The operator tells of each transaction whether it knows it: where it knows the win of 0, the transfer is
        confirmed. A refunded bet is told as held or as not found, as the operator sees it."""
        if await self._is_known(transfer, CONFIRM, Kind.NOT_FOUND):
            return TransferStatus.CONFIRMED
        is_held = await self._is_known(transfer, HOLD, self._meaning_of_unknown(transfer))
        return TransferStatus.HELD if is_held else TransferStatus.NOT_FOUND

    async def _is_known(self, transfer: Transfer, step: str, unknown: Kind | Means) -> bool:
        try:
            await self._name_transaction(Method.STATUS, transfer, step, {UNKNOWN_TRANSACTION: unknown})
        except Declined:
            return False
        return True

    def _meaning_of_unknown(self, transfer: Transfer) -> Kind | Means:
        """What 302 means in answer to a refund or a status. For five minutes after the bet began it means "ask again",
        since the bet may still come: so the provider's own client takes it. Then it means that there is no bet. A bet
        that the operator has refused does not come any more."""
        is_awaited = self.http.now() < transfer.opened_at + self.settings.ask_again_for_s
        return Means.RETRY_LATER if is_awaited and transfer.fate is not Fate.REFUSED else Kind.NOT_FOUND

    async def _bet_result(self, transfer: Transfer, name: str, members: Params, meanings: Meanings) -> Receipt:
        hold = _id(transfer, HOLD)
        game = {"roundId": hold, "gameId": self.settings.game_id, "gameSessionId": hold}
        params = {**self._player(transfer.session), **members, **game}
        hashed = ("userId", name, "isRoundFinished", "roundId", "gameId")
        return _receipt(transfer, await self._post(Method.BET_RESULT, params, hashed, name, meanings))

    async def _name_transaction(self, method: Method, transfer: Transfer, step: str, meanings: Meanings) -> Answer:
        ids = {"casinoTransactionId": _id(transfer, step), "roundId": _id(transfer, HOLD)}
        params = {**self._player(transfer.session), **ids}
        return await self._post(method, params, ("userId", "casinoTransactionId"), "casinoTransactionId", meanings)

    def _player(self, session: Session) -> Params:
        """Empty where it is not known: an end must go out all the same."""
        return {"userId": session.player_id, **({"token": session.token} if self.settings.send_token else {})}

    async def _post(
        self, method: Method, params: Params, hashed: tuple[str, ...], repeated: str, meanings: Meanings
    ) -> Answer:
        """The operator's yes. `hashed` names the parameters that the hash is made of, in order, `repeated` the one that
        the answer must repeat. Raises `Declined` or `Unclear` for anything else."""
        digest = md5_hex((listed_values(params, hashed) + self.settings.pass_key.get_secret_value()).encode())
        response = await self._send(method, {**params, "hash": digest})
        if response.status != HTTPStatus.OK:
            raise http_error(response)
        tree = parse_xml(response.body)
        answer = partial(_text, tree, "RESPONSE")
        result, code, echo = answer("RESULT"), answer("CODE"), _text(tree, "REQUEST", repeated.upper())
        if not result:
            raise Unclear(f"the answer has no RESULT: {excerpt_of(response.body)}")
        is_ok = result == "OK" and not code
        # An error may leave out what it answers, because it came on the connection of that request. A yes may not.
        if echo != params[repeated] and (is_ok or echo):
            raise Unclear(f"the answer ({result} {code}) is to another request")
        if not is_ok:
            require_done(meanings, code, f"{method}: {result} {code}".rstrip())
        return answer

    async def _send(self, method: Method, params: Params) -> HttpResponse:
        constants = {name: value.get_secret_value() for name, value in self.settings.constants.items()}
        url, pairs = (
            self.settings.base_url + self.settings.endpoints.get(method, method),
            {**constants, **params}.items(),
        )
        if self.settings.parameters == "query":
            return await self.http.get(f"{url}?{query_of(pairs)}")
        return await self.http.post(url, encode_form(pairs), HEADERS)


def _id(transfer: Transfer, step: str) -> str:
    """A number, as the provider's own client sends it."""
    return str(transfer_number(NAMESPACE, transfer, step))


def _require_players_currency(session: Session, amount: Money) -> None:
    """Raises `Declined` unless the player's wallet has this currency: neither a bet nor its answer names one, and the
    bet is taken in the player's."""
    theirs = session.memory.get("currency", "")
    if theirs.casefold() != amount.currency.casefold():
        raise Declined(Kind.CURRENCY, f"the player's wallet is in {theirs or 'no known currency'}; nothing was sent")


def _receipt(transfer: Transfer, answer: Answer) -> Receipt:
    own_id = answer(TRANSACTION_ID)
    # The answer does not name the balance's currency: it is the player's, and so was the bet's.
    balance = _balance(answer, "" if transfer.amount is None else transfer.amount.currency)
    return Receipt(balance, {TRANSACTION_ID: own_id} if own_id else {})


def _balance(answer: Answer, currency: str) -> Money | None:
    return from_minor_units(answer("BALANCE"), currency, DECIMAL_PLACES)


def _text(tree: Mapping[str, Any], part: str, name: str) -> str:
    return next((text for root in ROOTS if (text := text_at(tree, root, part, name))), "")
