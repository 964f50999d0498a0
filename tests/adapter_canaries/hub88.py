"""Mistakes in the adapter `hub88`."""

from __future__ import annotations

from functools import partial
from typing import Final

from tests.adapter_canaries.canary import AdapterCanary, canary
from tests.support.mutation import Edit

_hub88 = partial(canary, "hub88")

HUB88: Final = "adapters.hub88.adapter:Hub88."
ADAPTER: Final = "adapters.hub88.adapter:"

WITHDRAW: Final = f"{HUB88}withdraw"
CONFIRM: Final = f"{HUB88}confirm_withdrawal"
ROLL_BACK: Final = f"{HUB88}rollback_withdrawal"
DEPOSIT: Final = f"{HUB88}deposit"
VERIFY: Final = f"{HUB88}verify_session"
GET_BALANCE: Final = f"{HUB88}get_balance"
SEND: Final = f"{HUB88}_send"
POST: Final = f"{HUB88}_post"
BODY: Final = f"{HUB88}_body"
AMOUNT: Final = f"{HUB88}_amount"
BALANCE: Final = f"{HUB88}_balance"
UUID: Final = f"{ADAPTER}_uuid"
USER: Final = f"{ADAPTER}_user"
READ: Final = f"{ADAPTER}_read"
SAME: Final = f"{ADAPTER}_require_same_request"
DONE_BEFORE: Final = f"{ADAPTER}_require_done_before"
HTTP_ERROR: Final = f"{ADAPTER}_http_status_error"
REFUSALS: Final = f"{ADAPTER}REFUSALS"
BET: Final = f"{ADAPTER}BET"
WIN: Final = f"{ADAPTER}WIN"
ROLLBACK: Final = f"{ADAPTER}ROLLBACK"

DECLINED: Final = '__import__("gateway.operators").operators.Declined'
SENT: Final = "response = await self.http.post(self.settings.base_url + operation.endpoint, sent, headers)"
SIGNED: Final = "signature = await rsa_sha256_base64_async(self._key, sent, self.signer)"
PROVEN: Final = "require_done(operation.meanings, status, status)"
RECEIPT: Final = "return Receipt(self._balance(await self._post(operation, body)))"
LIMIT: Final = '"RS_ERROR_LIMIT_REACHED": Kind.LIMIT'
MISSING: Final = '"RS_ERROR_TRANSACTION_DOES_NOT_EXIST": Kind.NOT_FOUND'
UNDONE: Final = '"RS_ERROR_TRANSACTION_ROLLED_BACK": Means.DONE'


def _uuid(name: str, expression: str, harmless: str = "") -> AdapterCanary:
    """A mistake in the ids that are derived."""
    return _hub88(name, Edit(UUID, "transfer_uuid(NAMESPACE, transfer, *step)", expression), harmless=harmless)


def _derived(name: str, id: str) -> AdapterCanary:
    """A mistake in the part of an id that is the transfer's own."""
    return _uuid(name, f"derived_uuid(NAMESPACE, transfer.operator, transfer.direction, {id}, *step)")


def _units(name: str, expression: str) -> AdapterCanary:
    """A mistake in the amount that is sent."""
    return _hub88(name, Edit(AMOUNT, "minor_units(transfer.amount, DECIMAL_PLACES, MAX_UNITS)", expression))


def _sent(name: str, code: str, harmless: str = "") -> AdapterCanary:
    """A mistake in how a request is sent."""
    return _hub88(name, Edit(POST, SENT, code), harmless=harmless)


def _signed(name: str, code: str) -> AdapterCanary:
    """A mistake in the signature."""
    return _hub88(name, Edit(POST, SIGNED, code))


def _listed(name: str, table: str, status: str, meaning: str) -> AdapterCanary:
    """A status that stands in a table although it proves nothing there."""
    old = "REFUSALS" if table == WIN else "**REFUSALS"
    added = f'"RS_ERROR_{status}": {meaning}'
    return _hub88(name, Edit(table, old, f"{{**REFUSALS, {added}}}" if table == WIN else f"{added}, **REFUSALS"))


ANSWERS: Final = (
    _hub88("201 is a yes too", Edit(POST, "response.status != OK", "response.status not in {OK, 201}")),
    _hub88("the HTTP status is not looked at", Edit(POST, "response.status != OK", "False")),
    _hub88("a redirect is a yes", Edit(POST, "response.status != OK", "response.status >= 400")),
    _hub88("the status in the answer is not looked at", Edit(POST, 'answer["status"] != YES', "False")),
    _hub88(
        "every status that is not an error is a yes",
        Edit(POST, 'answer["status"] != YES', 'answer["status"].startswith(ERROR)'),
    ),
    _hub88(
        "an answer without a status is a yes",
        Edit(READ, 'not texts["status"]', "False"),
        Edit(READ, '"request_uuid": texts', '"status": texts["status"] or YES, "request_uuid": texts'),
    ),
    _hub88("an answer to any request counts", Edit(POST, "_require_same_request(answer, body)", "pass")),
    _hub88("the id of the request is not compared", Edit(SAME, "not same_request or", "")),
    _hub88("a yes need not name its request", Edit(SAME, ' and answer["status"].startswith(ERROR)', "")),
    _hub88(
        "only the beginning of the request's id is compared",
        Edit(
            SAME,
            'answer["request_uuid"] == asked["request_uuid"]',
            'answer["request_uuid"].startswith(asked["request_uuid"])',
        ),
    ),
    _hub88("an error need not be to this request", Edit(SAME, 'not answer["request_uuid"] and answer', "answer")),
    _hub88(
        "an answer about another user counts",
        Edit(SAME, ' or answer["user"] not in {"", asked.get("user", answer["user"])}', ""),
        harmless="the answer names this very request, which names the user",
    ),
    _hub88(
        "what was done before need not be named",
        Edit(DONE_BEFORE, 'if not answer["request_uuid"]:', "if False:"),
        harmless="the answer came on this request's connection, and the error is the contract's own",
    ),
    _hub88("an error that proves nothing is a yes", Edit(DONE_BEFORE, PROVEN, "pass")),
    _hub88(
        "an error without a cause is a decline",
        Edit(
            DONE_BEFORE, PROVEN, 'require_done({"RS_ERROR_UNKNOWN": Kind.OTHER, **operation.meanings}, status, status)'
        ),
    ),
    _hub88(
        "every error is a decline",
        Edit(DONE_BEFORE, PROVEN, f"raise {DECLINED}(operation.meanings.get(status, Kind.OTHER), status)"),
    ),
    _hub88(
        "HTTP 404 is an unknown transaction",
        Edit(
            POST,
            "raise _http_status_error(response)",
            f'raise {DECLINED}(Kind.NOT_FOUND, "404") if response.status == 404 else _http_status_error(response)',
        ),
    ),
    _hub88(
        "a decline counts under any HTTP status",
        Edit(POST, "raise _http_status_error(response)", "_require_done_before(operation, _read(response))"),
    ),
    _hub88(
        "an error of the protocol is told as silence",
        Edit(
            DONE_BEFORE,
            PROVEN,
            f"try:\n        {PROVEN}\n    except Unmapped as error:\n        raise Unclear(error.text) from None",
        ),
    ),
    _hub88(
        "an unclear answer is a receipt",
        Edit(SEND, RECEIPT, f"try:\n        {RECEIPT}\n    except Unclear:\n        return Receipt()"),
    ),
    _hub88(
        "the time to wait is not told",
        Edit(HTTP_ERROR, "else http_error(response)", 'else Unclear(f"HTTP {response.status}")'),
    ),
)

TABLES: Final = (
    _listed("a bet of what does not exist is done", BET, "TRANSACTION_DOES_NOT_EXIST", "Means.DONE"),
    _listed("a bet that was rolled back is a decline", BET, "TRANSACTION_ROLLED_BACK", "Kind.ROLLED_BACK"),
    _listed("a duplicate bet is done", BET, "DUPLICATE_TRANSACTION", "Means.DONE"),
    _listed("a duplicate bet is a decline", BET, "DUPLICATE_TRANSACTION", "Kind.DUPLICATE"),
    _listed("a wrong currency is a decline", BET, "WRONG_CURRENCY", "Kind.CURRENCY"),
    _listed("a wrong signature is a decline", BET, "INVALID_SIGNATURE", "Kind.OTHER"),
    _hub88("too little money is told as a limit", Edit(BET, "Kind.FUNDS", "Kind.LIMIT")),
    _hub88("a limit is told as too little money", Edit(BET, "Kind.LIMIT", "Kind.FUNDS")),
    _hub88("a limit is left out", Edit(BET, f", {LIMIT}", "")),
    _hub88("the refusals of a caller are left out", Edit(BET, "**REFUSALS, ", "")),
    _hub88("a player who is locked out is told as a session", Edit(REFUSALS, "Kind.PLAYER", "Kind.SESSION")),
    _hub88("an expired token is left out", Edit(REFUSALS, '"RS_ERROR_TOKEN_EXPIRED": Kind.SESSION,', "")),
    _listed("a confirm of what does not exist is done", WIN, "TRANSACTION_DOES_NOT_EXIST", "Means.DONE"),
    _listed("a confirm of what was rolled back is done", WIN, "TRANSACTION_ROLLED_BACK", "Means.DONE"),
    _listed("a duplicate win is done", WIN, "DUPLICATE_TRANSACTION", "Means.DONE"),
    _listed("a win over the limit is a decline", WIN, "LIMIT_REACHED", "Kind.LIMIT"),
    _hub88("the rollback of what does not exist is done", Edit(ROLLBACK, "Kind.NOT_FOUND", "Means.DONE")),
    _hub88("the rollback of what does not exist is unknown", Edit(ROLLBACK, f"{MISSING},", "")),
    _hub88("a rollback that was done is not found", Edit(ROLLBACK, "Means.DONE", "Kind.NOT_FOUND")),
    _hub88("a rollback that was done is unknown", Edit(ROLLBACK, f"{UNDONE},", "")),
    _listed("a duplicate rollback is done", ROLLBACK, "DUPLICATE_TRANSACTION", "Means.DONE"),
    _hub88(
        "a rollback of an ended session is done",
        Edit(ROLLBACK, UNDONE, f'{UNDONE}, "RS_ERROR_INVALID_TOKEN": Means.DONE'),
    ),
    _hub88(
        "a rollback of an ended session is not found",
        Edit(ROLLBACK, UNDONE, f'{UNDONE}, "RS_ERROR_INVALID_TOKEN": Kind.NOT_FOUND'),
    ),
)

IDS: Final = (
    _uuid("an id tells the try", "transfer_uuid(NAMESPACE, transfer, *step, str(transfer.tries))"),
    _uuid("an id is made up", 'str(__import__("uuid").uuid4())'),
    _uuid("an id holds the time of the change", "transfer_uuid(NAMESPACE, transfer, *step, str(transfer.changed_at))"),
    _uuid("an id holds the other session", "transfer_uuid(NAMESPACE, transfer, *step, repr(transfer.spare_session))"),
    _uuid("an id holds when it was not found", "transfer_uuid(NAMESPACE, transfer, *step, str(transfer.missing_at))"),
    _uuid("an id leaves out the direction", "derived_uuid(NAMESPACE, transfer.operator, transfer.id, *step)"),
    _uuid("an id leaves out the step", "transfer_uuid(NAMESPACE, transfer)"),
    _uuid("an id leaves out the transfer", "derived_uuid(NAMESPACE, transfer.session.token, *step)"),
    _derived("an id folds case", "transfer.id.casefold()"),
    _derived("an id is normalised", '__import__("unicodedata").normalize("NFKC", transfer.id)'),
    _derived("an id is stripped", "transfer.id.strip()"),
    _derived("an id is unquoted", '__import__("urllib.parse").parse.unquote(transfer.id)'),
    _uuid(
        "an id leaves out the operator's name",
        "derived_uuid(NAMESPACE, transfer.direction, transfer.id, *step)",
        harmless="the ids of other operators never meet these, unless two are configured on one wallet",
    ),
    _hub88(
        "the id of a request is made up",
        Edit(BODY, '_uuid(transfer, step, "request")', 'str(__import__("uuid").uuid4())'),
    ),
    _hub88(
        "a request has the id of its transaction",
        Edit(BODY, '_uuid(transfer, step, "request")', "_uuid(transfer, step)"),
        harmless="the contract wants an id for each request, and this is one",
    ),
    _hub88("a confirm names itself", Edit(CONFIRM, '_uuid(transfer, "hold")', '_uuid(transfer, "confirm")')),
    _hub88("a rollback names itself", Edit(ROLL_BACK, '_uuid(transfer, "hold")', '_uuid(transfer, "rollback")')),
    _hub88("a rollback names the confirm", Edit(ROLL_BACK, '_uuid(transfer, "hold")', '_uuid(transfer, "confirm")')),
    _hub88("a rollback has the id of its bet", Edit(ROLL_BACK, "rollback_step(transfer)", '"hold"')),
    _hub88("a confirm has the id of its bet", Edit(CONFIRM, 'transfer, "confirm", **', 'transfer, "hold", **')),
)

AMOUNTS: Final = (
    _units("the amount is rounded", "round(transfer.amount.amount * 10**DECIMAL_PLACES)"),
    _units("the amount goes through a float", "int(float(transfer.amount.amount) * 10**DECIMAL_PLACES)"),
    _units("the amount is in cents", "minor_units(transfer.amount, 2, MAX_UNITS)"),
    _units("the amount has one place too few", "minor_units(transfer.amount, DECIMAL_PLACES - 1, MAX_UNITS)"),
    _units("the amount has one place too many", "minor_units(transfer.amount, DECIMAL_PLACES + 1, MAX_UNITS)"),
    _units("the amount is a text", "str(minor_units(transfer.amount, DECIMAL_PLACES, MAX_UNITS))"),
    _units("an amount that is too large is cut", "min(minor_units(transfer.amount, DECIMAL_PLACES), MAX_UNITS)"),
    _units("an amount that is too large is sent", "minor_units(transfer.amount, DECIMAL_PLACES)"),
    _units("an amount that is too small is one", "max(1, int(transfer.amount.amount * 10**DECIMAL_PLACES))"),
    _hub88("the currency is in lower case", Edit(AMOUNT, '"currency": currency', '"currency": currency.lower()')),
    _hub88(
        "the operator's code of a currency is not looked up",
        Edit(AMOUNT, "operators_code(self.settings.currencies, transfer.amount.currency)", "transfer.amount.currency"),
    ),
    _hub88("codes are looked up backwards", Edit(AMOUNT, "operators_code(", "games_code(")),
    _hub88(
        "a balance keeps the operator's code",
        Edit(BALANCE, "games_code(self.settings.currencies, currency.strip())", "currency"),
    ),
    _hub88("a balance has one place too few", Edit(BALANCE, "DECIMAL_PLACES", "DECIMAL_PLACES - 1")),
    _hub88("a balance is in cents", Edit(BALANCE, "DECIMAL_PLACES", "2")),
    _hub88("a confirm gives the amount back", Edit(CONFIRM, '"amount": 0, ', "")),
)

REQUESTS: Final = (
    _sent("an unclear answer is asked for again", f"try:\n        {SENT}\n    except Unclear:\n        {SENT}"),
    _sent("HTTP 503 is asked again", f"{SENT}\n    if response.status == 503:\n        {SENT}"),
    _sent("an error without a cause is asked again", f"{SENT}\n    if b'UNKNOWN' in response.body:\n        {SENT}"),
    _sent("every request is sent twice", f"{SENT}\n    {SENT}"),
    _signed("the signature is over other spaces", SIGNED.replace("sent", 'sent.replace(b",", b", ")')),
    _signed("the signature is over the endpoint too", SIGNED.replace("sent", "operation.endpoint.encode() + sent")),
    _signed("the signature is reversed", f"{SIGNED}\n    signature = signature[::-1]"),
    _signed("the signature is without its padding", f'{SIGNED}\n    signature = signature.rstrip("=")'),
    _signed("more is sent than is signed", f'{SIGNED}\n    sent += b"\\n"'),
    _hub88("the signature stands in another header", Edit(POST, '"X-Hub88-Signature"', '"X-Hub-Signature"')),
    _hub88(
        "a header tells the time",
        Edit(POST, '"X-Hub88-Signature":', '"X-Time": str(self.http.now()), "X-Hub88-Signature":'),
    ),
    _hub88("the type of the body is left out", Edit(POST, '"Content-Type": "application/json", ', "")),
    _hub88("`confirm: none` is not looked at", Edit(CONFIRM, "self.settings.confirm is Confirm.NONE", "False")),
    _hub88("a confirm is never sent", Edit(CONFIRM, "self.settings.confirm is Confirm.NONE", "True")),
    _hub88("a confirm is a bet", Edit(CONFIRM, "self._send(WIN", "self._send(BET")),
    _hub88("a rollback is a win", Edit(ROLL_BACK, "self._send(ROLLBACK", "self._send(WIN")),
    _hub88("a deposit is a bet", Edit(DEPOSIT, "self._send(WIN", "self._send(BET")),
    _hub88("a deposit is not a promotion", Edit(DEPOSIT, ", is_supplier_promo=True", "")),
    _hub88("a bet closes its round", Edit(WITHDRAW, "round_closed=False", "round_closed=True")),
    _hub88("a confirm leaves the round open", Edit(CONFIRM, "round_closed=True", "round_closed=False")),
    _hub88("the game's code is a constant", Edit(BODY, "self.settings.game_code", '"mm_game"')),
    _hub88("the direction is left out", Edit(BODY, 'f"{transfer.direction}:{transfer.id}"', "transfer.id")),
    _hub88(
        "the session is the spare one",
        Edit(BODY, "transfer.session.token", "(transfer.spare_session or transfer.session).token"),
    ),
    _hub88("the user is the token", Edit(USER, '"user": session.player_id', '"user": session.token')),
    _hub88("the user is in upper case", Edit(USER, '"user": session.player_id', '"user": session.player_id.upper()')),
    _hub88("the user is left out", Edit(BODY, "**_user(transfer.session),", "")),
    _hub88("a user whom nobody knows is named", Edit(USER, " if session.player_id else {}", "")),
    _hub88("a bet is sent without asking for its player", Edit(f"{HUB88}needs_player", "True", "False")),
)

READS: Final = (
    _hub88("the player is the token", Edit(VERIFY, 'player_id=answer["user"]', "player_id=session.token")),
    _hub88(
        "a session without a user is known",
        Edit(VERIFY, 'if not answer.get("user"):', "if False:"),
        harmless="the gateway itself refuses a player without an id",
    ),
    _hub88(
        "a balance that cannot be read is zero",
        Edit(
            GET_BALANCE,
            "if balance is None:",
            'if balance is None:\n        return from_minor_units(0, "XAG", 0)\n    if False:',
        ),
    ),
    _hub88(
        "the balance is the one of the call before",
        Edit(
            SEND,
            RECEIPT,
            "balance = self._balance(await self._post(operation, body))\n"
            "    before, self._kept = getattr(self, '_kept', None), balance\n    return Receipt(before)",
        ),
    ),
    _hub88(
        "a balance of any type is a number",
        Edit(
            BALANCE,
            "if not isinstance(balance, int) or not isinstance(currency, str):",
            "balance = int(balance)\n    if 0:",
        ),
    ),
)

SECRETS: Final = (
    _sent("a request is printed", f"print(sent)\n    {SENT}"),
    _sent("the key is printed", f"print(self.settings.private_key.get_secret_value())\n    {SENT}"),
    _sent(
        "the headers are printed",
        f"print(headers)\n    {SENT}",
        harmless="a signature is not a secret: it is worth nothing for another request",
    ),
    _sent(
        "a token is logged in base64",
        f'__import__("logging").getLogger("hub").debug(__import__("base64").b64encode(sent).decode())\n    {SENT}',
    ),
    _hub88("a token is remembered", Edit(SEND, RECEIPT, f'{RECEIPT[:-1]}, {{"token": body["token"]}})')),
    _hub88(
        "the key is remembered",
        Edit(SEND, RECEIPT, f'{RECEIPT[:-1]}, {{"key": self.settings.private_key.get_secret_value()[60:200]}})'),
    ),
)

CANARIES: Final = (*ANSWERS, *TABLES, *IDS, *AMOUNTS, *REQUESTS, *READS, *SECRETS)
