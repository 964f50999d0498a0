"""The wallet calls at an operator that serves the SOFTSWISS Game Aggregator's wallet API.

It has no confirm: a bet is final, and its round is closed later. So a withdraw is a bet that leaves its round open, the
confirm closes the round, the rollback undoes the bet.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from adapters.softswiss import requests
from adapters.softswiss.requests import Request
from adapters.softswiss.settings import Confirm, SoftswissSettings, Version
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
    Unclear,
    Unmapped,
    encode,
    excerpt_of,
)
from gateway.toolbox import (
    Meanings,
    answer_members,
    excerpt_of_members,
    from_minor_units,
    hmac_hex,
    http_error,
    require_done,
)

OK: Final = 200
REFUSALS: Final = {Version.V2: frozenset({400}), Version.V1: frozenset(range(400, 500))}
"""The HTTP statuses under which an error's code counts. Under any other it proves nothing."""

IDS: Final = {Version.V2: ("id_provider", "id"), Version.V1: ("action_id", "tx_id")}
"""Where a transaction in an answer names our id, and the operator's own."""

NEEDED: Final = frozenset({"transactions", "code", "meta"})
"""The members that say what happened; all others only inform."""

REFUSED_PLAYER: Final[Meanings] = {"101": Kind.PLAYER, "107": Kind.PLAYER, "110": Kind.PLAYER, "153": Kind.PLAYER}
"""The operator refuses the player before it books anything. It may refuse the bet's rollback as well, so that both are
declines: then the transfer has ended."""

# Left out are mistakes in a configuration (400, 403, 154, 405), which a person must see, and what says that the bet's
# id is known (155, 409). After these the bet is rolled back.
BET: Final[Meanings] = {"100": Kind.FUNDS, "105": Kind.LIMIT, "106": Kind.LIMIT, **REFUSED_PLAYER}
ROLLBACK: Final[Mapping[Version, Meanings]] = {
    Version.V2: {"409": Kind.ROLLED_BACK, **REFUSED_PLAYER},
    Version.V1: REFUSED_PLAYER,
}


class Softswiss(Adapter):
    """A yes is HTTP 200 with one transaction under our id, whatever its balance is. To `finish`, whose answer names
    nothing, it is HTTP 200 with a balance."""

    interface = 1
    Settings = SoftswissSettings
    settings: SoftswissSettings
    needs_player = True  # every request names the account

    async def verify_session(self, session: Session) -> Player:
        balance = await self._ask_balance(requests.balance(session, self.settings))
        return Player(player_id=requests.player_of(session, self.settings), balance=balance)

    async def get_balance(self, session: Session) -> Money:
        balance = await self._ask_balance(requests.balance(session, self.settings))
        if balance is None:
            raise Unclear("the answer has no balance that can be read")
        return balance

    async def withdraw(self, transfer: Transfer) -> Receipt:
        request = requests.bet(transfer, self.settings)
        members = await self._post(request, BET)
        id = self._operators_id(members, request)
        if not id:
            raise Unclear("the answer gives the bet no id of the operator's")
        return Receipt(self._balance(members, request), memory={"transactionId": id})

    async def confirm_withdrawal(self, transfer: Transfer) -> Receipt:
        if self.settings.confirm is Confirm.NONE:
            return Receipt()  # the bet was final
        return Receipt(await self._ask_balance(requests.finish(transfer, self.settings)))

    async def rollback_withdrawal(self, transfer: Transfer) -> Receipt:
        request = requests.rollback(transfer, self.settings)
        try:
            members = await self._post(request, ROLLBACK[self.settings.version])
        except Declined as declined:
            if declined.kind is Kind.ROLLED_BACK:
                return Receipt()
            raise
        # The operator should refuse such a bet if it comes later. Whether it does cannot be seen from here, so that the
        # gateway asks once more when the bet can be on its way no longer.
        if not self._operators_id(members, request):
            raise Declined(Kind.NOT_FOUND, "the operator never saw the bet")
        return Receipt(self._balance(members, request))

    async def _ask_balance(self, request: Request) -> Money | None:
        """The balance in an answer that has nothing else, None if it cannot be read."""
        members = await self._post(request, REFUSED_PLAYER)
        balance = members.get("balance")
        if isinstance(balance, bool) or not isinstance(balance, str | int | Decimal):
            raise Unclear(f"the answer has no balance: {excerpt_of_members(members)}")
        return self._balance(members, request)

    async def _post(self, request: Request, meanings: Meanings) -> dict[str, Any]:
        if self.settings.version is Version.V1:
            request = requests.in_version_1(request)
        # Serialised once: the signature is over the exact bytes that are sent.
        body = encode(request.body)
        signature = hmac_hex(self.settings.auth_token.get_secret_value(), body, "sha256")
        headers = {"Content-Type": "application/json", "X-REQUEST-SIGN": signature}
        response = await self.http.post(self.settings.base_url + request.endpoint, body, headers)
        if response.status != OK:
            raise self._error(response, meanings)
        members = answer_members(response, NEEDED)
        if members.keys() & {"code", "meta"}:
            raise Unmapped(f"an error under HTTP 200: {excerpt_of(response.body)}")
        return members

    def _error(self, response: HttpResponse, meanings: Meanings) -> Unclear:
        """The error to raise for another status than 200. Raises `Declined` itself."""
        try:
            members = answer_members(response, NEEDED)
        except Unclear:
            return http_error(response)
        code = members.get("code") if self.settings.version is Version.V1 else _member(members.get("meta"), "api_code")
        if isinstance(code, bool) or not isinstance(code, str | int):
            return http_error(response)
        text = f"HTTP {response.status}, code {code}: {excerpt_of(response.body)}"
        if response.status in REFUSALS[self.settings.version]:
            require_done(meanings, str(code), text)
        return Unmapped(text)

    def _operators_id(self, members: dict[str, Any], request: Request) -> str:
        """The operator's id of our transaction, empty if it has none. Raises `Unclear` for another's."""
        ours, theirs = IDS[self.settings.version]
        found = members.get("transactions")
        entry = found[0] if isinstance(found, list) and len(found) == 1 else None
        id = _member(entry, theirs)
        if _member(entry, ours) != request.id or not isinstance(id, str):
            raise Unclear(f"the answer is not about this transaction: {excerpt_of_members(members)}")
        return id

    def _balance(self, members: dict[str, Any], request: Request) -> Money | None:
        currencies = self.settings.currencies
        places = currencies.places_of(request.currency) if self.settings.version is Version.V1 else 0
        found = from_minor_units(members.get("balance"), currencies.operators_code(request.currency), places)
        return None if found is None else currencies.games_money(found)


def _member(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, dict) else None
