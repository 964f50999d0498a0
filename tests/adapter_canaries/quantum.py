"""Mistakes in the adapter `quantum`."""

from __future__ import annotations

from functools import partial
from typing import Final

from tests.adapter_canaries.canary import AdapterCanary, canary
from tests.support.mutation import Edit

_quantum = partial(canary, "quantum")

ADAPTER: Final = "adapters.quantum.adapter:"
MESSAGES: Final = "adapters.quantum.messages:"

INIT: Final = f"{ADAPTER}Quantum.__init__"
VERIFY: Final = f"{ADAPTER}Quantum.verify_session"
GET_BALANCE: Final = f"{ADAPTER}Quantum.get_balance"
HOLD: Final = f"{ADAPTER}Quantum._hold"
CONFIRM: Final = f"{ADAPTER}Quantum._confirm"
ROLL_BACK: Final = f"{ADAPTER}Quantum._roll_back"
END: Final = f"{ADAPTER}Quantum._end"
LOOK_UP: Final = f"{ADAPTER}Quantum.look_up"
POST: Final = f"{ADAPTER}Quantum._post"
DONE: Final = f"{ADAPTER}Quantum._is_already_done"
SUCCESS_OF: Final = f"{ADAPTER}Quantum._require_success_of"
SUCCESS: Final = f"{ADAPTER}Quantum._require_success"
ERROR_FOR: Final = f"{ADAPTER}Quantum._error_for"
BODY: Final = f"{ADAPTER}_transfer_body"
AMOUNT: Final = f"{ADAPTER}_wire_amount"

KIND: Final = '__import__("gateway.operators").operators.Kind'
MEMBERS: Final = '"mmTransactionId": transfer.id'
SENT: Final = "return await self.http.post(self.settings.base_url + endpoint, encode(body), self._headers)"


def _id(name: str, expression: str, harmless: str = "") -> AdapterCanary:
    """A mistake in the id that is sent."""
    return _quantum(name, Edit(BODY, MEMBERS, f'"mmTransactionId": {expression}'), harmless=harmless)


def _amount(name: str, expression: str, harmless: str = "") -> AdapterCanary:
    """A mistake in the amount that is sent."""
    return _quantum(name, Edit(AMOUNT, "transfer.amount.amount", expression), harmless=harmless)


def _currency(name: str, expression: str) -> AdapterCanary:
    """A mistake in the currency that is sent."""
    return _quantum(name, Edit(AMOUNT, "transfer.amount.currency", expression))


def _sent(name: str, code: str, harmless: str = "") -> AdapterCanary:
    """A mistake in how a request is sent."""
    return _quantum(name, Edit(POST, SENT, code), harmless=harmless)


ANSWERS: Final = (
    _quantum("201 is a yes too", Edit(SUCCESS, "response.status != OK", "response.status not in {OK, 201}")),
    _quantum("every 2xx is a yes", Edit(SUCCESS, "response.status != OK", "response.status // 100 != 2")),
    _quantum("the status is not looked at", Edit(SUCCESS, "response.status != OK", "False")),
    _quantum("a redirect is a yes", Edit(SUCCESS, "response.status != OK", "response.status >= 400")),
    _quantum("an error under HTTP 200 is not seen", Edit(SUCCESS, "if ERROR_CODE in answer:", "if False:")),
    _quantum("an error by another name is not seen", Edit(SUCCESS, "if reports_failure(answer):", "if False:")),
    _quantum(
        "only the member `success` reports a failure",
        Edit(f"{MESSAGES}reports_failure", "value and name.casefold() in _FAILURE_MEMBERS", "False"),
    ),
    _quantum(
        "the id in the answer is not compared",
        Edit(SUCCESS_OF, 'if answer.get("mmTransactionId") != transfer.id:', "if False:"),
    ),
    _quantum(
        "an answer without an id is about this transfer",
        Edit(SUCCESS_OF, 'answer.get("mmTransactionId")', 'answer.get("mmTransactionId", transfer.id)'),
    ),
    _quantum(
        "only the beginning of the id is compared",
        Edit(
            SUCCESS_OF,
            'answer.get("mmTransactionId") != transfer.id',
            'not str(answer.get("mmTransactionId")).startswith(transfer.id)',
        ),
    ),
    _quantum(
        "an id that begins like this one's is enough",
        Edit(
            SUCCESS_OF,
            'answer.get("mmTransactionId") != transfer.id',
            'not transfer.id.startswith(answer.get("mmTransactionId") or "?")',
        ),
    ),
    _quantum(
        "ids that differ in case are the same",
        Edit(
            SUCCESS_OF,
            'answer.get("mmTransactionId") != transfer.id',
            'str(answer.get("mmTransactionId")).lower() != transfer.id.lower()',
        ),
    ),
    _quantum("a hold needs no balance", Edit(HOLD, 'if "balance" not in answer:', "if False:")),
    _quantum(
        "an end needs no balance",
        Edit(END, 'if "balance" not in answer and answer.keys() != {"mmTransactionId"}:', "if False:"),
    ),
    _quantum(
        "a hold needs a balance that can be read",
        Edit(HOLD, 'if "balance" not in answer:', "if balance_of(answer) is None:"),
    ),
    _quantum(
        "an end needs a balance that can be read",
        Edit(
            END,
            'if "balance" not in answer and answer.keys() != {"mmTransactionId"}:',
            "if balance_of(answer) is None:",
        ),
    ),
    _quantum(
        "a code that the settings do not name is a decline",
        Edit(
            ERROR_FOR, "self.settings.declines.get(error.code)", f"self.settings.declines.get(error.code, {KIND}.OTHER)"
        ),
    ),
    _quantum(
        "an error without a code is a decline",
        Edit(ERROR_FOR, "None if error.code is None else", f"{KIND}.OTHER if error.code is None else"),
    ),
    _quantum("a decline counts under any status", Edit(ERROR_FOR, "status not in self._error_statuses", "False")),
    _quantum(
        "a decline of another transfer counts",
        Edit(ERROR_FOR, "about is not None and error.about not in {None, about}", "False"),
    ),
    _quantum(
        "the codes in the settings are not looked at",
        Edit(ERROR_FOR, "self.settings.declines.get(error.code)", "None"),
    ),
    _quantum(
        "every decline is told as too little money",
        Edit(ERROR_FOR, "Declined(kind, error.text)", f"Declined({KIND}.FUNDS, error.text)"),
    ),
    _quantum("a decline tells no cause", Edit(ERROR_FOR, "Declined(kind, error.text)", 'Declined(kind, "")')),
    _quantum(
        "an error of the protocol is told as silence",
        Edit(f"{ADAPTER}_unclear_error", "Unmapped(text) if", "Unclear(text) if"),
    ),
    _quantum(
        "HTTP 401 is an ended session",
        Edit(
            SUCCESS,
            "error = _read_error(response)",
            f"error = _read_error(response)\n        if response.status == 401:\n"
            f'            raise Declined({KIND}.SESSION, "HTTP 401")',
        ),
    ),
    _quantum(
        "HTTP 404 is an unknown transfer",
        Edit(
            SUCCESS,
            "error = _read_error(response)",
            f"error = _read_error(response)\n        if response.status == 404 and error is None:\n"
            f'            raise Declined({KIND}.NOT_FOUND, "HTTP 404")',
        ),
    ),
    _quantum(
        "HTTP 4xx without an error body is a decline",
        Edit(
            SUCCESS,
            "raise http_error(response) if error is None",
            f'raise (Declined({KIND}.OTHER, "refused") if response.status < 500 else http_error(response)) '
            "if error is None",
        ),
    ),
    _quantum(
        "the time to wait is not told",
        Edit(SUCCESS, "http_error(response) if", 'Unclear(f"HTTP {response.status}") if'),
    ),
    _quantum(
        "a page that cannot be read is an empty answer",
        Edit(
            SUCCESS,
            "answer = read(response, needed)",
            "try:\n        answer = read(response, needed)\n    except Unclear:\n"
            '        answer = {"mmTransactionId": about, "balance": None}',
        ),
    ),
    _quantum(
        "a session without a player is known",
        Edit(
            VERIFY,
            'if not isinstance(player_id, str) or not player_id:\n        raise Unclear("the answer names no player")',
            "pass",
        ),
        harmless="the gateway itself refuses a player without an id",
    ),
)

ENDS: Final = (
    _quantum(
        "any code of `already` acknowledges any end",
        Edit(DONE, "self.settings.already.get(error.code) is already", "error.code in self.settings.already"),
    ),
    _quantum(
        "the codes of `already` are swapped",
        Edit(CONFIRM, "Already.CONFIRMED", "Already.ROLLED_BACK"),
        Edit(ROLL_BACK, "Already.ROLLED_BACK", "Already.CONFIRMED"),
    ),
    _quantum(
        "done before counts as not done",
        Edit(DONE, "self.settings.already.get(error.code) is already", "False"),
    ),
    _quantum(
        "another transfer that was done before counts",
        Edit(DONE, "error is None or error.code is None or error.about not in {None, transfer.id}", "error is None"),
    ),
    _quantum(
        "done before counts under any status",
        Edit(END, "response.status in self._error_statuses and self", "self"),
    ),
    _quantum(
        "a rollback of what the operator does not know is done",
        Edit(
            END,
            "self._is_already_done(response, already, transfer)",
            "(self._is_already_done(response, already, transfer)"
            ' or b\'"errorCode":114\' in response.body and "rollback" in endpoint)',
        ),
    ),
    _quantum(
        "an end that is declined is done",
        Edit(
            END,
            "answer = self._require_success_of(response, transfer)",
            "try:\n        answer = self._require_success_of(response, transfer)\n"
            "    except Declined:\n        return Receipt()",
        ),
    ),
    _quantum(
        "a confirm that fails is left to the operator",
        Edit(
            END,
            "answer = self._require_success_of(response, transfer)",
            "try:\n        answer = self._require_success_of(response, transfer)\n    except Unclear:\n"
            '        if "confirm" in endpoint:\n            return Receipt()\n        raise',
        ),
    ),
    _quantum(
        "an unclear rollback is not found",
        Edit(
            END,
            "answer = self._require_success_of(response, transfer)",
            "try:\n        answer = self._require_success_of(response, transfer)\n    except Unclear as error:\n"
            f'        if "rollback" in endpoint:\n            raise Declined({KIND}.NOT_FOUND, error.text) from None\n'
            "        raise",
        ),
    ),
    _quantum(
        "a confirm rolls back",
        Edit(f"{ADAPTER}Quantum.confirm_withdrawal", '"confirmWithdrawal"', '"rollbackWithdrawal"'),
    ),
    _quantum(
        "a rollback confirms",
        Edit(
            f"{ADAPTER}Quantum.rollback_withdrawal",
            'self._roll_back("rollbackWithdrawal", transfer)',
            'self._confirm("confirmWithdrawal", transfer)',
        ),
    ),
    _quantum("a deposit is sent as a withdraw", Edit(f"{ADAPTER}Quantum.deposit", '"deposit"', '"withdraw"')),
    _quantum(
        "the confirm of a deposit names a withdraw",
        Edit(f"{ADAPTER}Quantum.confirm_deposit", '"confirmDeposit"', '"confirmWithdrawal"'),
    ),
    _quantum(
        "the rollback of a deposit names a withdraw",
        Edit(f"{ADAPTER}Quantum.rollback_deposit", '"rollbackDeposit"', '"rollbackWithdrawal"'),
    ),
    _quantum(
        "a withdraw is confirmed at once",
        Edit(
            f"{ADAPTER}Quantum.withdraw",
            'return await self._hold("withdraw", transfer)',
            'await self._hold("withdraw", transfer)\n    return await self._confirm("confirmWithdrawal", transfer)',
        ),
    ),
    _quantum(
        "a confirm sends nothing",
        Edit(
            f"{ADAPTER}Quantum.confirm_withdrawal",
            'return await self._confirm("confirmWithdrawal", transfer)',
            "return Receipt()",
        ),
    ),
    _quantum(
        "a rollback names its amount",
        Edit(ROLL_BACK, '{"rollbackReason"', '{"amount": _wire_amount(transfer), "rollbackReason"'),
    ),
    _quantum(
        "the reason of a rollback tells how often it was tried",
        Edit(ROLL_BACK, "or NO_REASON", 'or f"{NO_REASON} (try {transfer.tries})"'),
    ),
    _quantum(
        "a rollback has no reason",
        Edit(ROLL_BACK, " or NO_REASON", ""),
        harmless="no money hangs on it: people read it, and the adapter's own tests hold it",
    ),
    _quantum(
        "the amount of a confirm is left out",
        Edit(CONFIRM, '{"amount": _wire_amount(transfer)}', "{}"),
    ),
    _quantum(
        "the description is left out",
        Edit(HOLD, ', "txDescription": transfer.description', ""),
        harmless="no money hangs on it: people read it, and the adapter's own tests hold it",
    ),
    _quantum(
        "the confirm needs what the hold remembered",
        Edit(
            CONFIRM,
            '{"amount": _wire_amount(transfer)}',
            '{"amount": _wire_amount(transfer), "id": transfer.memory["id"]}',
        ),
    ),
)

IDS: Final = (
    _id("the id tells the try", 'f"{transfer.id}-{transfer.tries}" if transfer.tries else transfer.id'),
    _id("the id is made up", '__import__("uuid").uuid4().hex'),
    _id("the id holds the time of the change", 'f"{transfer.id}@{transfer.changed_at}"'),
    _id("the id holds the revision", 'f"{transfer.id}#{transfer.revision}"'),
    _id("the id holds the owner", 'f"{transfer.id}/{transfer.owner}"'),
    _id("the id holds the session", 'f"{transfer.session.token}:{transfer.id}"'),
    _id("the id is in lower case", "transfer.id.lower()"),
    _id("the id is stripped", "transfer.id.strip()"),
    _id("the id is cut", "transfer.id[:64]"),
    _id("the id is quoted", '__import__("urllib.parse").parse.quote(transfer.id)'),
    _id("the id is composed", '__import__("unicodedata").normalize("NFC", transfer.id)'),
    _id("the id is decomposed", '__import__("unicodedata").normalize("NFD", transfer.id)'),
    _id("the id has only ASCII", 'transfer.id.encode("ascii", "replace").decode()'),
    _id("the id is a hash of Python's", "str(hash(transfer.id))"),
    _quantum(
        "only the ASCII of a request is sent",
        Edit(POST, "encode(body)", 'encode(body).decode().encode("ascii", "ignore")'),
    ),
    _quantum(
        "the session is the spare one",
        Edit(BODY, "transfer.session.token", "(transfer.spare_session or transfer.session).token"),
    ),
    _quantum(
        "the player stands in the place of the token",
        Edit(BODY, "transfer.session.token", "transfer.session.player_id"),
    ),
    _quantum("the token is in lower case", Edit(BODY, "transfer.session.token", "transfer.session.token.lower()")),
)

AMOUNTS: Final = (
    _amount("the amount is a float", "float(transfer.amount.amount)"),
    _amount("the amount is whole", "int(transfer.amount.amount)"),
    _amount("the amount is rounded to two places", "round(transfer.amount.amount, 2)"),
    _amount("the amount has two places", '__import__("msgspec").Raw(f"{transfer.amount.amount:.2f}".encode())'),
    _amount("the amount is rounded to 28 digits", "+transfer.amount.amount"),
    _amount("the amount is in cents", "transfer.amount.amount * 100"),
    _amount("the amount has an exponent", '__import__("msgspec").Raw(f"{transfer.amount.amount:E}".encode())'),
    _amount("the amount is negative", "-transfer.amount.amount"),
    _amount("the amount is a text", "str(transfer.amount.amount)"),
    _currency("the currency is in lower case", "transfer.amount.currency.lower()"),
    _currency("the currency is always the first one", '"XAG"'),
    _currency("the currency is cut", "transfer.amount.currency[:2]"),
)

REQUESTS: Final = (
    _sent(
        "an unclear answer is asked for again",
        f"try:\n        {SENT}\n    except Unclear:\n        {SENT}",
    ),
    _sent(
        "HTTP 503 is asked again",
        f"response = {SENT.removeprefix('return ')}\n    if response.status == 503:\n        {SENT}\n"
        "    return response",
    ),
    _sent(
        "every 5xx without a code is asked again",
        f"response = {SENT.removeprefix('return ')}\n    if b'errorCode' not in response.body:\n        {SENT}\n"
        "    return response",
    ),
    _sent(
        "a redirect is followed",
        f"response = {SENT.removeprefix('return ')}\n    if response.status == 307:\n"
        '        base = self.settings.base_url.rsplit("/", 2)[0]\n'
        '        return await self.http.post(base + response.headers["location"], encode(body), self._headers)\n'
        "    return response",
    ),
    _sent("every request is sent twice", f"{SENT.removeprefix('return ')}\n    {SENT}"),
    _sent(
        "the balance is asked for before each call",
        'await self.http.post(self.settings.base_url + "getBalance", encode({"token": body["token"]}), self._headers)'
        f"\n    {SENT}",
        harmless="one read more moves no money; only time is lost",
    ),
    _quantum("credentials are left out", Edit(INIT, '"Authorization": basic, ', "")),
    _quantum("the type of the body is left out", Edit(INIT, ', "Content-Type": "application/json"', "")),
    _quantum(
        "the type of the body is a form's", Edit(INIT, '"application/json"', '"application/x-www-form-urlencoded"')
    ),
    _sent(
        "a header counts the requests",
        'self._count = getattr(self, "_count", 0) + 1\n    return await self.http.post('
        'self.settings.base_url + endpoint, encode(body), {**self._headers, "X-Request": str(id(body))})',
    ),
    _sent(
        "a header tells the time",
        "return await self.http.post(self.settings.base_url + endpoint, encode(body), "
        '{**self._headers, "X-Time": str(self.http.now())})',
    ),
    _sent(
        "a header is a random number",
        "return await self.http.post(self.settings.base_url + endpoint, encode(body), "
        '{**self._headers, "X-Request-Id": self.http.nonce()})',
    ),
    _quantum(
        "a request is a PUT",
        Edit(POST, "self.http.post(", 'self.http.request("PUT", '),
        Edit(POST, "encode(body), self._headers", "body=encode(body), headers=self._headers"),
    ),
    _quantum(
        "the address is built without its last slash",
        Edit(POST, "self.settings.base_url + endpoint", 'self.settings.base_url.rstrip("/") + endpoint'),
    ),
)

READS: Final = (
    _quantum(
        "the token in the answer is not compared",
        Edit(VERIFY, "token is not None and token != session.token", "False"),
    ),
    _quantum("the player is the token", Edit(VERIFY, "player_id=player_id", "player_id=session.token")),
    _quantum("the player is in lower case", Edit(VERIFY, "player_id=player_id", "player_id=player_id.lower()")),
    _quantum(
        "the player is composed",
        Edit(VERIFY, "player_id=player_id", 'player_id=__import__("unicodedata").normalize("NFKC", player_id)'),
    ),
    _quantum(
        "a balance that cannot be read is zero",
        Edit(
            GET_BALANCE,
            "if balance is None:",
            'if balance is None:\n        return Money(__import__("decimal").Decimal(0), "XAG")\n    if False:',
        ),
    ),
    _quantum(
        "a balance is asked for once",
        Edit(
            GET_BALANCE,
            "if balance is None:",
            "balance = self.__dict__.setdefault('_balance', balance)\n    if balance is None:",
        ),
    ),
    _quantum(
        "a session without a balance is refused",
        Edit(VERIFY, "balance=balance_of(answer)", 'balance=balance_of({"balance": answer["balance"]}) or 1 / 0'),
    ),
    _quantum(
        "a balance is rounded to two places",
        Edit(f"{MESSAGES}balance_of", "from_decimal(amount,", "from_decimal(round(Decimal(amount), 2),"),
    ),
    _quantum(
        "a balance goes through a float",
        Edit(f"{MESSAGES}balance_of", "from_decimal(amount,", "from_decimal(Decimal(str(float(amount))),"),
    ),
    _quantum(
        "a balance is always in silver",
        Edit(f"{MESSAGES}balance_of", "currency.strip()", '"XAG"'),
    ),
    _quantum(
        "the balance of a hold is its amount",
        Edit(HOLD, "Receipt(balance_of(answer))", "Receipt(transfer.amount)"),
    ),
    _quantum(
        "the balance is the one of the call before",
        Edit(
            HOLD,
            "return Receipt(balance_of(answer))",
            "before, self._kept = getattr(self, '_kept', None), balance_of(answer)\n    return Receipt(before)",
        ),
    ),
    _quantum(
        "the balance of a receipt is left out",
        Edit(HOLD, "Receipt(balance_of(answer))", "Receipt()"),
        Edit(END, "return Receipt(balance_of(answer))", "return Receipt()"),
        harmless="a receipt may have no balance: the gateway asks for it",
    ),
)

SECRETS: Final = (
    _sent("a request is printed", f"print(endpoint, body, self._headers)\n    {SENT}"),
    _sent("credentials are printed", f"print(self._headers)\n    {SENT}"),
    _sent("a token is logged", f'__import__("structlog").get_logger().debug("sent", body=body)\n    {SENT}'),
    _sent("credentials are logged", f'__import__("logging").getLogger("acme").info("%s", self._headers)\n    {SENT}'),
    _sent("a token is in a warning", f'__import__("warnings").warn(body["token"])\n    {SENT}'),
    _sent(
        "a token is written to the standard error",
        f'print(body["token"][::-1], file=__import__("sys").stderr)\n    {SENT}',
    ),
    _quantum(
        "a token is told in an error",
        Edit(SUCCESS_OF, "the answer does not name", "{transfer.session.token}: the answer does not name"),
        harmless="the gateway takes secrets out of every text, however they are spelled",
    ),
    _quantum(
        "a token is told in base64",
        Edit(
            SUCCESS_OF,
            "the answer does not name",
            "{__import__('base64').b64encode(transfer.session.token.encode()).decode()}: the answer does not name",
        ),
        harmless="the gateway takes secrets out of every text, however they are spelled",
    ),
    _quantum(
        "a token is remembered",
        Edit(HOLD, "Receipt(balance_of(answer))", 'Receipt(balance_of(answer), {"token": transfer.session.token})'),
    ),
    _quantum(
        "a token is remembered backwards",
        Edit(
            HOLD, "Receipt(balance_of(answer))", 'Receipt(balance_of(answer), {"token": transfer.session.token[::-1]})'
        ),
    ),
    _quantum(
        "the whole answer is remembered",
        Edit(HOLD, "Receipt(balance_of(answer))", 'Receipt(balance_of(answer), {"answer": str(response.body) * 60})'),
    ),
    _quantum(
        "numbers are remembered",
        Edit(HOLD, "Receipt(balance_of(answer))", 'Receipt(balance_of(answer), {"balance": 1})'),
    ),
)

LOOK_UPS: Final = (
    _quantum(
        "a state is taken whatever transfer it is of",
        Edit(LOOK_UP, "if answer.get(query.id_member) != transfer.id:", "if False:"),
    ),
    _quantum(
        "deposits are asked for as withdrawals",
        Edit(
            LOOK_UP, "query.withdraw if transfer.direction is Direction.WITHDRAW else query.deposit", "query.withdraw"
        ),
    ),
    _quantum(
        "an error to a question is read as a state",
        Edit(LOOK_UP, "self._require_success(response, needed, transfer.id)", "read(response, needed)"),
    ),
    _quantum("nobody is asked", Edit(f"{ADAPTER}Quantum.can_look_up", "self.settings.query is not None", "False")),
)

CANARIES: Final = (*ANSWERS, *ENDS, *IDS, *AMOUNTS, *REQUESTS, *READS, *SECRETS, *LOOK_UPS)
